#include <gtest/gtest.h>

#include <random>

#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "decompose/layer_data.h"
#include "decompose/method.h"
#include "decompose/product_kernel.h"
#include "decompose/random_tensor.h"
#include "relative_error.h"

namespace adze {
namespace {

// Images whose channels hang together: 24 mixtures of 5.
class Mixtures : public Dataset {
 public:
  int64_t size() const override { return 12; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    const Tensor mix = RandomTensor({5, 24}, 77);
    Tensor x = Tensor::Zeros(DType::kFloat, {end - begin, 13, 12, 24});
    float* out = x.mutable_data<float>().data();
    for (int64_t i = begin; i < end; ++i) {
      const Tensor source = RandomTensor({13 * 12, 5}, static_cast<uint32_t>(100 + i));
      const Tensor noise = RandomTensor({13 * 12, 24}, static_cast<uint32_t>(200 + i));
      for (int64_t p = 0; p < 13 * 12; ++p) {
        for (int64_t c = 0; c < 24; ++c, ++out) {
          *out = 0.1f * noise.data<float>()[p * 24 + c];
          for (int64_t s = 0; s < 5; ++s) {
            *out += source.data<float>()[p * 5 + s] * mix.data<float>()[s * 24 + c];
          }
        }
      }
    }
    return {{"x", x}};
  }
};

Graph OneConvolution(const std::string& padding, int64_t stride, int64_t height = 3,
                     bool channels_first = false) {
  Graph graph(Builtin<OpRegistry>());
  const Shape image = channels_first ? Shape{1, 24, 13, 12} : Shape{1, 13, 12, 24};
  const Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", image}}).output();
  Node& weight = graph.AddConst("w", RandomTensor({height, 3, 24, 32}, 3));
  using Numbers = std::vector<int64_t>;
  Node& conv = graph.Add("conv", "Conv2D", {data, weight.output()},
                         {{"T", DType::kFloat},
                          {"padding", padding},
                          {"data_format", std::string(channels_first ? "NCHW" : "NHWC")},
                          {"strides", channels_first ? Numbers{1, 1, stride, stride}
                                                     : Numbers{1, stride, stride, 1}}});
  if (padding == "EXPLICIT") {
    conv.SetAttr("explicit_paddings", channels_first ? Numbers{0, 0, 0, 0, 2, 1, 0, 3}
                                                     : Numbers{0, 0, 2, 1, 0, 3, 0, 0});
  }
  graph.SetOutputs({"conv"});
  return graph;
}

class Methods : public testing::TestWithParam<std::string> {};

TEST_P(Methods, HighestRanksGiveTheLayersOutput) {
  for (const char* padding : {"SAME", "VALID", "EXPLICIT"}) {
    for (int64_t stride : {1, 2}) {
      for (int64_t height : {3, 5}) {
        for (const auto& [weigh, channels_first] :
             {std::pair(false, false), std::pair(true, false), std::pair(false, true)}) {
          Graph graph = OneConvolution(padding, stride, height, channels_first);
          const Mixtures data;
          std::map<std::string, Tensor> feeds = data.Read(0, 1);
          if (channels_first) feeds["x"] = RandomTensor({1, 24, 13, 12}, 9);
          const Tensor wanted = Session(graph).Run(feeds).at(0).Clone();
          const Convolution convolution = FindConvolutions(graph).at(0);
          std::vector<float> moments;
          if (weigh) moments = InputMoments(graph, {convolution.node}, {.dataset = &data}).at(0);
          const Tensor weight = FiniteWeight(convolution);
          const KernelToSplit kernel{convolution, weight.data<float>(), moments};
          const auto split =
              Builtin<DecompositionMethodRegistry>().all().at(GetParam()).split(kernel);
          const std::vector<Factor> factors = split->Solve(split->Most());
          PutInPlace(graph, convolution, factors);
          EXPECT_LT(RelativeError(Session(graph).Run(feeds).at(0), wanted), 1e-4)
              << padding << " " << stride << " " << height << " " << weigh << channels_first;
        }
      }
    }
  }
}

// What a choice says is lost is what is lost; of Tucker's it is a bound, of CP's it is found at
// some ranks and interpolated.
TEST_P(Methods, LossIsAsSaid) {
  Graph graph = OneConvolution("SAME", 1);
  const Convolution convolution = FindConvolutions(graph).at(0);
  const Tensor weight = FiniteWeight(convolution);
  const KernelToSplit kernel{convolution, weight.data<float>()};
  const auto split = Builtin<DecompositionMethodRegistry>().all().at(GetParam()).split(kernel);
  for (const RankChoice& choice : split->Choices(GetParam() == "cp" ? 40 : 8)) {
    const double lost =
        RelativeLoss(weight.data<float>(), ProductKernel(split->Solve(choice.ranks)), 32, {});
    if (GetParam() == "tucker") {
      EXPECT_LE(lost * lost, choice.lost + 1e-6);
    } else if (GetParam() == "cp") {
      EXPECT_LE(lost * lost, 1.05 * choice.lost + 1e-6);
      EXPECT_GE(lost * lost, 0.5 * choice.lost - 0.01) << choice.ranks[0];
    } else {
      EXPECT_NEAR(lost * lost, choice.lost, 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Methods, testing::Values("channel", "cp", "spatial", "tucker"),
                         [](const auto& info) { return info.param; });

double OutputError(const Graph& graph, const Graph& original) {
  const auto feeds = Mixtures().Read(0, 12);
  const Tensor a = Session(graph).Run(feeds).at(0), b = Session(original).Run(feeds).at(0);
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    const double x = a.data<float>()[i], y = b.data<float>()[i];
    difference += (x - y) * (x - y);
    norm += y * y;
  }
  return std::sqrt(difference / norm);
}

TEST(DecomposeByData, LosesLessThanWithoutAndCorrectionLosesLessAgain) {
  const Graph original = OneConvolution("SAME", 1);
  const Mixtures data;
  const auto error = [&](bool weigh, bool correct) {
    Graph graph = original.Clone();
    DecomposeOptions options{.method = "spatial",
                             .rule = RankRule::kMacs,
                             .share = 0.4,
                             .filter = DecomposeFilter::kAny};
    options.data = {.dataset = &data, .weigh = weigh, .correct = correct};
    const LayerDecomposition layer = Decompose(graph, options).at(0);
    EXPECT_EQ(layer.reason, "");
    const double measured = OutputError(graph, original);
    // The border of the image is in both.
    if (!correct) {
      EXPECT_NEAR(*layer.data_error, measured, 0.02 * measured);
    }
    return measured;
  };
  const double plain = error(false, false), weighed = error(true, false);
  EXPECT_LT(weighed, 0.7 * plain);
  EXPECT_LT(error(true, true), weighed);
  EXPECT_LT(error(false, true), 0.9 * plain);
}

TEST(DecomposeByRule, MeetsBudgetsAndKeepsPower) {
  for (const char* method : {"auto", "channel", "cp", "tucker"}) {
    Graph graph = OneConvolution("SAME", 1);
    const LayerDecomposition layer = Decompose(graph, {.method = method,
                                                       .rule = RankRule::kSize,
                                                       .share = 0.5,
                                                       .filter = DecomposeFilter::kAny})
                                         .at(0);
    EXPECT_EQ(layer.reason, "");
    EXPECT_LE(2 * layer.weights_after, layer.weights_before);
  }
  Graph graph = OneConvolution("SAME", 1);
  const LayerDecomposition layer = Decompose(graph, {.method = "channel",
                                                     .rule = RankRule::kEnergy,
                                                     .share = 0.8,
                                                     .filter = DecomposeFilter::kAny})
                                       .at(0);
  EXPECT_LE(layer.error * layer.error, 0.2);
}

}  // namespace
}  // namespace adze
