#include "adze/decompose.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "decompose/golden_cases.h"
#include "decompose/random_tensor.h"
#include "decompose/spatial.h"
#include "decompose/symmetric_eigen.h"
#include "relative_error.h"

namespace adze {
namespace {

using nlohmann::json;

struct Geometry {
  int64_t kh = 3, kw = 3, inputs = 64, outputs = 64, stride_h = 1, stride_w = 1;
  std::string padding = "SAME", format = "NHWC";
};

// x -> conv -> bias, the image being 13 x 16.
Graph OneConvolution(const Geometry& g, const Tensor& weight) {
  const bool first = g.format == "NCHW";
  const auto axes = [&](int64_t h, int64_t w) {
    return first ? std::vector<int64_t>{1, 1, h, w} : std::vector<int64_t>{1, h, w, 1};
  };
  Graph graph(Builtin<OpRegistry>());
  const Shape image = first ? Shape{2, g.inputs, 13, 16} : Shape{2, 13, 16, g.inputs};
  const Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", image}}).output();
  AttrMap attrs = {{"T", DType::kFloat},
                   {"padding", g.padding},
                   {"data_format", g.format},
                   {"strides", axes(g.stride_h, g.stride_w)}};
  if (g.padding == "EXPLICIT") {
    attrs["explicit_paddings"] = first ? std::vector<int64_t>{0, 0, 0, 0, 2, 1, 0, 3}
                                       : std::vector<int64_t>{0, 0, 2, 1, 0, 3, 0, 0};
  }
  Node& conv =
      graph.Add("conv", "Conv2D", {data, graph.AddConst("w", weight).output()}, std::move(attrs));
  Node& bias = graph.AddConst("b", RandomTensor({g.outputs}, 3));
  graph.Add("bias", "BiasAdd", {conv.output(), bias.output()},
            {{"T", DType::kFloat}, {"data_format", g.format}});
  graph.SetOutputs({"bias"});
  return graph;
}

Tensor Output(const Graph& graph, const Tensor& x) {
  return Session(graph).Run({{"x", x}}).at(0).Clone();
}

Tensor InputOf(const Graph& graph, uint32_t seed) {
  return RandomTensor(graph.Find("x")->attr<Shape>("shape"), seed);
}

// Every mode at full rank is the convolution itself.
TEST(Spatial, FullRankGivesTheLayersOutputForEveryPaddingStrideAndFormat) {
  for (const auto& [kh, kw] : {std::pair(3, 3), std::pair(3, 5), std::pair(5, 3)}) {
    for (const auto& [inputs, outputs] : {std::pair(5, 8), std::pair(8, 5)}) {
      for (const char* padding : {"SAME", "VALID", "EXPLICIT"}) {
        for (const auto& [sh, sw] : {std::pair(1, 1), std::pair(2, 2), std::pair(1, 2)}) {
          for (const char* format : {"NHWC", "NCHW"}) {
            const Geometry g{kh, kw, inputs, outputs, sh, sw, padding, format};
            const Tensor weight = RandomTensor({kh, kw, inputs, outputs}, 7);
            Graph graph = OneConvolution(g, weight);
            const Tensor x = InputOf(graph, 11);
            const Tensor wanted = Output(graph, x);
            const Convolution convolution = FindConvolutions(graph).at(0);
            const SpatialMode mode = SpatialModeOf(convolution.kernel);
            const Unfolding matrix =
                UnfoldSpatially(weight.data<float>(), convolution.kernel, mode);
            const SymmetricEigen eigen(matrix.Gram());
            const std::vector<float> rows = eigen.LeadingVectors(matrix.rows());
            std::vector<Factor> factors = SpatialFactors(convolution.kernel, mode, matrix.rows());
            SetSpatialValues(convolution.kernel, mode, rows, matrix.Project(rows), &factors);
            PutInPlace(graph, convolution, factors);
            ASSERT_LT(RelativeError(Output(graph, x), wanted), 1e-5)
                << mode.name() << " " << padding << " " << format << " " << sh << "x" << sw;
          }
        }
      }
    }
  }
}

TEST(Decompose, NamesTheLayersAndKeepsTheBiasBehindTheLast) {
  Graph graph = OneConvolution({.stride_h = 2}, RandomTensor({3, 3, 64, 64}, 1));
  const std::vector<LayerDecomposition> layers = Decompose(graph);
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].reason, "");
  EXPECT_EQ(layers[0].nodes, (std::vector<std::string>{"conv/decom_first/decom_first",
                                                       "conv/decom_last/decom_last"}));
  EXPECT_EQ(graph.Find("conv"), nullptr);
  const Node* first = graph.Find("conv/decom_first/decom_first");
  const Node* last = graph.Find("conv/decom_last/decom_last");
  ASSERT_TRUE(first && last);
  EXPECT_EQ(first->attr<std::vector<int64_t>>("strides"), (std::vector<int64_t>{1, 2, 1, 1}));
  EXPECT_EQ(last->attr<std::vector<int64_t>>("strides"), (std::vector<int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(last->input(0).node, first);
  EXPECT_EQ(graph.Find("bias")->input(0).node, last);
  EXPECT_EQ(graph.Find("w"), nullptr);
  EXPECT_EQ(layers[0].macs_before, 7 * 16 * 9 * 64 * 64);
  EXPECT_EQ(layers[0].macs_after, 7 * 16 * (3 * 64 * 32 + 3 * 32 * 64));
}

// The reported error is that of the kernels that were written.
TEST(Decompose, ErrorIsThatOfTheProduct) {
  const Tensor weight = RandomTensor({3, 3, 64, 80}, 5);
  Graph graph = OneConvolution({.outputs = 80}, weight);
  const LayerDecomposition layer = Decompose(graph).at(0);
  ASSERT_EQ(layer.mode, "SCFK");
  const auto first = graph.Find("conv/decom_first/kernel")->const_value().data<float>();
  const auto last = graph.Find("conv/decom_last/kernel")->const_value().data<float>();
  const int64_t rank = layer.ranks.at(0);
  double difference = 0, norm = 0;
  for (int64_t h = 0; h < 3; ++h) {
    for (int64_t w = 0; w < 3; ++w) {
      for (int64_t i = 0; i < 64; ++i) {
        for (int64_t o = 0; o < 80; ++o) {
          double sum = 0;
          for (int64_t r = 0; r < rank; ++r) {
            sum +=
                static_cast<double>(first[(h * 64 + i) * rank + r]) * last[(w * rank + r) * 80 + o];
          }
          const double x = weight.data<float>()[((h * 3 + w) * 64 + i) * 80 + o];
          difference += (x - sum) * (x - sum);
          norm += x * x;
        }
      }
    }
  }
  EXPECT_NEAR(std::sqrt(difference / norm), layer.error, 1e-6);
}

TEST(Decompose, SharedWeightIsDecomposedOnce) {
  Graph graph(Builtin<OpRegistry>());
  Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 8, 8, 64}}})
          .output();
  const Value weight = graph.AddConst("w", RandomTensor({3, 3, 64, 64}, 2)).output();
  for (const char* name : {"a", "b"}) {
    data = graph
               .Add(name, "Conv2D", {data, weight},
                    {{"T", DType::kFloat},
                     {"padding", "SAME"},
                     {"strides", std::vector<int64_t>{1, 1, 1, 1}}})
               .output();
  }
  graph.SetOutputs({"b"});
  Decompose(graph);
  EXPECT_EQ(graph.Find("a/decom_first/decom_first")->input(1).node,
            graph.Find("b/decom_first/decom_first")->input(1).node);
  EXPECT_EQ(graph.Find("b/decom_first/kernel"), nullptr);
}

TEST(Decompose, OlderFilterTakesSmallSquareKernels) {
  Graph graph = OneConvolution({.inputs = 8, .outputs = 8}, RandomTensor({3, 3, 8, 8}, 1));
  Graph copy = graph.Clone();
  EXPECT_EQ(Decompose(copy).at(0).reason, "8 channels are fewer than 64");
  EXPECT_EQ(Decompose(graph, {.filter = DecomposeFilter::kSquare}).at(0).reason, "");
  Graph oblong = OneConvolution({.kh = 5}, RandomTensor({5, 3, 64, 64}, 1));
  EXPECT_EQ(Decompose(oblong, {.filter = DecomposeFilter::kSquare}).at(0).reason,
            "kernel 5x3 is not square");
}

TEST(Decompose, WeightThatIsNotFiniteIsNamed) {
  Tensor weight = RandomTensor({3, 3, 64, 64}, 1);
  weight.mutable_data<float>()[17] = std::numeric_limits<float>::quiet_NaN();
  Graph graph = OneConvolution({}, weight);
  try {
    Decompose(graph);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "layer 'conv': weight 'w' holds nan at element 17; decomposition needs finite "
                 "weights");
  }
}

TEST(Decompose, WeightThatIsNotConstantStays) {
  Graph graph = OneConvolution({}, RandomTensor({3, 3, 64, 64}, 1));
  graph.SetInput(*graph.Find("conv"), 1,
                 graph.Add("fed", "Placeholder", {}, {{"dtype", DType::kFloat}}).output());
  EXPECT_EQ(Decompose(graph).at(0).reason, "the weight is not constant");
}

class GoldenModels : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(GoldenModels, DecisionsModesAndRanksAreEqual) {
  ADZE_NEED_SHARED();
  const auto file = SharedModelFile(GetParam().second);
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is absent";
  Graph graph = ReadGraphDef(file, Builtin<OpRegistry>());
  graph.SetOutputs(std::vector<std::string>());
  const std::vector<LayerDecomposition> layers = Decompose(graph);
  const json golden = ReadGolden(GetParam().first);
  int64_t before = 0, after = 0;
  for (const json& wanted : golden.at("convolutions")) {
    const std::string name = wanted.at("name");
    SCOPED_TRACE(name);
    const auto layer = std::find_if(layers.begin(), layers.end(),
                                    [&](const LayerDecomposition& l) { return l.name == name; });
    ASSERT_NE(layer, layers.end());
    ASSERT_EQ(layer->reason.empty(), wanted.at("eligible").get<bool>()) << layer->reason;
    if (!layer->reason.empty()) continue;
    EXPECT_EQ(layer->mode, wanted.at("mode").get<std::string>());
    EXPECT_EQ(layer->evbmf_rank, wanted.at("evbmf").at("rank").get<int64_t>());
    EXPECT_EQ(layer->ranks, std::vector<int64_t>{wanted.at("rank").get<int64_t>()});
    EXPECT_NEAR(layer->error, wanted.at("relative_error").get<double>(), 1e-9);
    EXPECT_EQ(layer->kernels.at(0).dims(), wanted.at("first_hwio").get<std::vector<int64_t>>());
    EXPECT_EQ(layer->kernels.at(1).dims(), wanted.at("last_hwio").get<std::vector<int64_t>>());
    EXPECT_EQ(layer->macs_before, wanted.at("macs_before").get<int64_t>());
    EXPECT_EQ(layer->macs_after, wanted.at("macs_after").get<int64_t>());
    const auto strides = graph.Find(layer->nodes.at(0))->attr<std::vector<int64_t>>("strides");
    EXPECT_EQ((std::vector<int64_t>{strides.at(1), strides.at(2)}),
              wanted.at("first_strides").get<std::vector<int64_t>>());
    before += *layer->macs_before;
    after += *layer->macs_after;
  }
  const json& summary = golden.at("summary");
  const int64_t decomposed =
      std::count_if(layers.begin(), layers.end(), [](const auto& l) { return l.reason.empty(); });
  EXPECT_EQ(decomposed, summary.at("decomposed").get<int64_t>());
  EXPECT_EQ(before - after, summary.at("macs_network_before").get<int64_t>() -
                                summary.at("macs_network_after").get<int64_t>());
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenModels,
                         testing::Values(std::pair("resnet8", "resnet8_cifar10"),
                                         std::pair("resnet50", "resnet50_v1")),
                         [](const auto& info) { return std::string(info.param.first); });

}  // namespace
}  // namespace adze
