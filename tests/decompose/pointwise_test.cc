#include <gtest/gtest.h>

#include "adze/decompose.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "decompose/random_tensor.h"
#include "decompose/ways.h"
#include "relative_error.h"

namespace adze {
namespace {

// Of rank 12 by construction.
Tensor LowRank(Shape shape, int64_t inputs, int64_t outputs) {
  const Tensor a = RandomTensor({inputs, 12}, 1), b = RandomTensor({12, outputs}, 2);
  Tensor product = Tensor::Zeros(DType::kFloat, std::move(shape));
  for (int64_t i = 0; i < inputs; ++i) {
    for (int64_t o = 0; o < outputs; ++o) {
      float sum = 0;
      for (int64_t r = 0; r < 12; ++r) {
        sum += a.data<float>()[i * 12 + r] * b.data<float>()[r * outputs + o];
      }
      product.mutable_data<float>()[i * outputs + o] = sum;
    }
  }
  return product;
}

// x -> MatMul, its weight as given or transposed, and a 1 x 1 convolution of stride 2.
Graph ProductAndPointwise(bool transposed) {
  Graph graph(Builtin<OpRegistry>());
  const Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{3, 80}}})
          .output();
  Tensor weight = LowRank({80, 64}, 80, 64);
  if (transposed) {
    Tensor turned = Tensor::Zeros(DType::kFloat, {64, 80});
    for (int64_t i = 0; i < 80; ++i) {
      for (int64_t o = 0; o < 64; ++o) {
        turned.mutable_data<float>()[o * 80 + i] = weight.data<float>()[i * 64 + o];
      }
    }
    weight = turned;
  }
  graph.Add("fc", "MatMul", {x, graph.AddConst("fc/w", weight).output()},
            {{"T", DType::kFloat}, {"transpose_a", false}, {"transpose_b", transposed}});
  const Value image =
      graph.Add("y", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 7, 7, 80}}})
          .output();
  graph.Add("conv", "Conv2D",
            {image, graph.AddConst("conv/w", LowRank({1, 1, 80, 64}, 80, 64)).output()},
            {{"T", DType::kFloat},
             {"padding", std::string("SAME")},
             {"strides", std::vector<int64_t>{1, 2, 2, 1}}});
  graph.SetOutputs(std::vector<std::string>{"fc", "conv"});
  return graph;
}

TEST(Pointwise, MatMulAndConvolutionOfLowRankBecomeTwoWithTheSameOutput) {
  for (bool transposed : {false, true}) {
    Graph graph = ProductAndPointwise(transposed);
    const std::map<std::string, Tensor> feeds = {{"x", RandomTensor({3, 80}, 7)},
                                                 {"y", RandomTensor({1, 7, 7, 80}, 8)}};
    std::vector<Tensor> wanted;
    for (const Tensor& t : Session(graph).Run(feeds)) wanted.push_back(t.Clone());
    const auto layers = Decompose(
        graph, {.method = "auto", .rule = RankRule::kEnergy, .share = 0.999999, .pointwise = true});
    ASSERT_EQ(layers.size(), 2u);
    for (const LayerDecomposition& layer : layers) {
      EXPECT_EQ(layer.method, "channel");
      EXPECT_EQ(layer.ranks, std::vector<int64_t>{16});
    }
    EXPECT_EQ(graph.Find("fc/decom_first/decom_first")->op(), "MatMul");
    EXPECT_EQ(graph.Find("fc/decom_last/kernel")->const_value().shape(), (Shape{16, 64}));
    const std::vector<Tensor> found = Session(graph).Run(feeds);
    for (size_t i = 0; i < 2; ++i) EXPECT_LT(RelativeError(found[i], wanted[i]), 1e-4);
  }
}

TEST(Pointwise, StayUnlessAskedFor) {
  Graph graph = ProductAndPointwise(false);
  const auto layers =
      Decompose(graph, {.method = "channel", .rule = RankRule::kEnergy, .share = 0.5});
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].reason, "kernel 1x1 is smaller than 3x3");
}

// The sum over layers and methods, and the moments where there is data.
TEST(Memory, GrowsWithLayersMethodsAndData) {
  const Graph graph = ProductAndPointwise(false);
  std::vector<Convolution> convolutions = FindConvolutions(graph);
  std::vector<SharedWeight> one(1), two(2);
  for (auto* weights : {&one, &two}) {
    for (SharedWeight& shared : *weights) shared.readers = {&convolutions[0]};
  }
  const DecomposeOptions options{.method = "channel", .rule = RankRule::kSize, .share = 0.5};
  const int64_t plain = Ways::BytesFor(one, options);
  EXPECT_GE(plain, (2 * 80 * 64 + 64 * 64) * 4);
  EXPECT_EQ(Ways::BytesFor(two, options), 2 * plain);
}

}  // namespace
}  // namespace adze
