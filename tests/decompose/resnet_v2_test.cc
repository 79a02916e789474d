// ResNet-50 v2 with random weights, as examples/resnet_v2_50 makes it.
#include <gtest/gtest.h>

#include <cstdlib>

#include "adze/decompose.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "decompose/random_tensor.h"
#include "decompose/spatial.h"
#include "decompose/symmetric_eigen.h"
#include "relative_error.h"
#include "test_folder.h"

namespace adze {
namespace {

// Convolutions in a row with constant kernels, over white noise [1, height, width, channels].
Tensor RunConvolutions(const std::vector<const Node*>& nodes, const Tensor& x) {
  Graph graph(Builtin<OpRegistry>());
  Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", x.shape()}}).output();
  for (const Node* node : nodes) {
    const Node* weight = node->input(1).node;
    while (!weight->IsConst()) weight = weight->input(0).node;
    Node& kernel = graph.AddConst(node->name() + "/kernel", weight->const_value());
    data = graph.Add(node->name(), node->op(), {data, kernel.output()}, node->attrs()).output();
  }
  graph.SetOutputs({nodes.back()->name()});
  return Session(graph).Run({{"x", x}}).at(0).Clone();
}

double RelativeDifference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < b.num_elements(); ++i) {
    const double x = a.data<float>()[i], y = b.data<float>()[i];
    difference += (x - y) * (x - y);
    norm += y * y;
  }
  return std::sqrt(difference / norm);
}

// The layer's output with AMCT's kernels at full rank.
Tensor AtFullRank(const Graph& original, const std::string& name, const Tensor& x) {
  Graph graph(Builtin<OpRegistry>());
  const Node& node = *original.Find(name);
  const Node* weight = node.input(1).node;
  while (!weight->IsConst()) weight = weight->input(0).node;
  const Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", x.shape()}}).output();
  graph.Add("conv", "Conv2D", {data, graph.AddConst("w", weight->const_value()).output()},
            node.attrs());
  graph.SetOutputs({"conv"});
  const Convolution convolution = FindConvolutions(graph).at(0);
  const SpatialMode mode = SpatialModeOf(convolution.kernel);
  const Unfolding matrix =
      UnfoldSpatially(weight->const_value().data<float>(), convolution.kernel, mode);
  const SymmetricEigen eigen(matrix.Gram());
  const std::vector<float> rows = eigen.LeadingVectors(matrix.rows());
  std::vector<Factor> factors = SpatialFactors(convolution.kernel, mode, matrix.rows());
  SetSpatialValues(convolution.kernel, mode, rows, matrix.Project(rows), &factors);
  PutInPlace(graph, convolution, factors);
  return Session(graph).Run({{"x", x}}).at(0).Clone();
}

TEST(SlowResNetV2, EveryDecomposedLayerIsRight) {
  const auto file = TestFolder() / "resnet_v2_50.pb";
  const std::string command = "/usr/bin/python3 '" ADZE_SOURCE_DIR
                              "/examples/resnet_v2_50/make_model.py' '" +
                              file.string() + "' --size 64 >'" + file.string() + ".log' 2>&1";
  if (std::system("/usr/bin/python3 -c 'import numpy, google.protobuf' 2>/dev/null && "
                  "command -v protoc >/dev/null") != 0) {
    GTEST_SKIP() << "NumPy, Python's protobuf or protoc is absent";
  }
  ASSERT_EQ(std::system(command.c_str()), 0) << "see " << file << ".log";
  const Graph original = ReadGraphDef(file, Builtin<OpRegistry>());
  Graph graph = original.Clone();
  graph.SetOutputs(std::vector<std::string>{"resnet_v2_50/predictions/Softmax"});
  const std::vector<LayerDecomposition> layers = Decompose(graph);
  EXPECT_EQ(layers.size(), 54u);
  int decomposed = 0;
  for (const LayerDecomposition& layer : layers) {
    if (!layer.reason.empty()) continue;
    SCOPED_TRACE(layer.name);
    ++decomposed;
    const int64_t side = layer.kernel[2] < 16 ? 79 : 15;  // enough positions for an average
    const Tensor x =
        RandomTensor({1, side, side + 2, layer.kernel[2]}, static_cast<uint32_t>(decomposed));
    const Tensor wanted = RunConvolutions({original.Find(layer.name)}, x);
    EXPECT_LT(RelativeError(AtFullRank(original, layer.name, x), wanted), 1e-4);
    std::vector<const Node*> parts;
    for (const std::string& name : layer.nodes) parts.push_back(graph.Find(name));
    ASSERT_EQ(parts.size(), 2u);
    // The error that the spectrum's tail predicts for white noise: over some 100 positions and more
    // of each channel it is measured to a few percent.
    const double measured = RelativeDifference(RunConvolutions(parts, x), wanted);
    EXPECT_NEAR(measured, layer.error, 0.05 * layer.error);
    EXPECT_GT(layer.error, 0.05);
  }
  EXPECT_EQ(decomposed, 17);  // the 3 x 3 ones and the 7 x 7
  const std::map<std::string, Tensor> feeds = {{"input", RandomTensor({1, 64, 64, 3}, 7)}};
  const Tensor output = Session(graph).Run(feeds).at(0);
  EXPECT_EQ(output.shape(), (Shape{1, 1001}));
}

}  // namespace
}  // namespace adze
