// The whole pipeline on real models: nothing changes, and nothing foldable is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "adze/dataset.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/graph_text.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/quant.h"
#include "adze/reference.h"
#include "adze/registry.h"
#include "relative_error.h"
#include "shared_folder.h"

namespace adze {
namespace {

Graph Prepare(const std::filesystem::path& path, const std::vector<std::string>& outputs) {
  Graph graph = ReadGraphDef(path, Builtin<OpRegistry>());
  graph.SetOutputs(outputs);
  EXPECT_THAT(RunPasses(graph, PreparePipeline()), testing::IsEmpty());
  return graph;
}

std::multiset<std::string> OpsOf(const Graph& graph) {
  std::multiset<std::string> ops;
  for (const Node* node : graph.nodes()) ops.insert(node->op());
  return ops;
}

nlohmann::json ModelEntry(const std::string& name) {
  return nlohmann::json::parse(ReadFile(SharedFolder() / "models/models.json")).at(name);
}

std::string NodeName(const std::string& tensor_name) {
  return tensor_name.substr(0, tensor_name.find(':'));
}

// Where shared/tools/get-resnet50 puts what it makes.
std::filesystem::path ResNet50() {
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home ? home : "") / ".cache/adze/resnet50_v1.pb";
}

class SlowPreparedModelTest : public testing::TestWithParam<const char*> {};

TEST_P(SlowPreparedModelTest, GivesTensorFlowsResult) {
  ADZE_NEED_SHARED();
  const std::filesystem::path folder = SharedFolder() / "models" / GetParam();
  const nlohmann::json entry = ModelEntry(GetParam());
  const Graph graph = Prepare(folder / "model.pb", {entry.at("output")});
  const Tensor input = ReadNpy(folder / "golden_in.npy").Rows(0, 1);
  const std::vector<Value> fetches = {graph.outputs()[0].value};
  const auto results = RunReference(graph, {{NodeName(entry.at("input")), input}}, fetches);
  EXPECT_LE(RelativeError(results[0], ReadNpy(folder / "golden_out.npy").Rows(0, 1)), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Models, SlowPreparedModelTest,
                         testing::Values("deeplabv3_mobilenet_v2", "fsrcnn_x2", "lenet_mnist",
                                         "mobilenet_v1_0.25_224", "mobilenet_v2_ham10000",
                                         "resnet8_cifar10", "selfie_segmentation"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

class SlowEqualizedModelTest : public testing::TestWithParam<const char*> {};

// Scales are powers of two: not a bit of the result changes.
TEST_P(SlowEqualizedModelTest, GivesTheSameBits) {
  ADZE_NEED_SHARED();
  const std::filesystem::path folder = SharedFolder() / "models" / GetParam();
  const nlohmann::json entry = ModelEntry(GetParam());
  const Graph graph = Prepare(folder / "model.pb", {entry.at("output")});
  Graph equalized = graph.Clone();
  EXPECT_THAT(RunPasses(equalized, {"equalize_cross_layers"}), testing::IsEmpty());
  EXPECT_NE(PrintGraphText(equalized), PrintGraphText(graph));
  const std::map<std::string, Tensor> feeds = {
      {NodeName(entry.at("input")), ReadNpy(folder / "golden_in.npy").Rows(0, 1)}};
  const Value want = graph.outputs()[0].value, got = equalized.outputs()[0].value;
  EXPECT_EQ(ToFloats(RunReference(equalized, feeds, std::span(&got, 1))[0]),
            ToFloats(RunReference(graph, feeds, std::span(&want, 1))[0]));
}

INSTANTIATE_TEST_SUITE_P(Models, SlowEqualizedModelTest,
                         testing::Values("mobilenet_v1_0.25_224", "mobilenet_v2_ham10000",
                                         "resnet8_cifar10"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(PreparedModelTest, MobileNetV1OfSmallOpsIsLayersBiasesAndActivations) {
  ADZE_NEED_SHARED();
  const std::string name = "mobilenet_v1_0.25_224";
  const std::multiset<std::string> ops = OpsOf(
      Prepare(SharedFolder() / "models" / name / "model.pb", {ModelEntry(name).at("output")}));
  for (const char* gone : {"Rsqrt", "Mul", "Sub", "Add", "Identity"}) {
    EXPECT_EQ(ops.count(gone), 0u) << gone;
  }
  EXPECT_EQ(ops.count("BiasAdd"), 28u);
  EXPECT_EQ(ops.count("Conv2D") + ops.count("DepthwiseConv2dNative"), 28u);
}

TEST(PreparedModelTest, DilatedConvolutionByInterleavingIsOneConvolution) {
  ADZE_NEED_SHARED();
  const std::multiset<std::string> ops =
      OpsOf(Prepare(SharedFolder() / "conformance/dilated_conv_via_s2b/graph.pb", {"y"}));
  EXPECT_EQ(ops, (std::multiset<std::string>{"Const", "Conv2D", "Placeholder"}));
}

// Scales of weights computed independently, batch norm folded in float64.
TEST(PreparedModelTest, ResNet50HasNoBatchNormAndTheReferencesWeights) {
  ADZE_NEED_SHARED();
  if (!std::filesystem::exists(ResNet50())) GTEST_SKIP() << "made by shared/tools/get-resnet50";
  const Graph graph = Prepare(ResNet50(), {ModelEntry("resnet50_v1").at("output")});
  EXPECT_EQ(OpsOf(graph).count("FusedBatchNormV3"), 0u);
  const auto golden =
      nlohmann::json::parse(ReadFile(SharedFolder() / "reference/golden/resnet50_v1_minmax.json"));
  int layers = 0;
  for (const auto& [name, factors] : golden.items()) {
    if (!factors.contains("scale_w") || factors.at("scale_w").is_null()) continue;
    const Node* node = graph.Find(name);
    ASSERT_NE(node, nullptr) << name;
    const QuantTraits& traits = *node->def()->quant;
    const Tensor& weight = node->input(*traits.weight_input).node->const_value();
    const auto quantized =
        QuantizeWeightArq(weight, traits.per_channel ? traits.channel_axes : std::vector<int>(), 8);
    const std::vector<float> want = factors.at("scale_w");
    ASSERT_EQ(quantized.params.scale.size(), want.size()) << name;
    for (size_t c = 0; c < want.size(); ++c) {
      ASSERT_NEAR(quantized.params.scale[c], want[c], 1e-6 * want[c]) << name << " channel " << c;
    }
    ++layers;
  }
  EXPECT_EQ(layers, 54);
}

}  // namespace
}  // namespace adze
