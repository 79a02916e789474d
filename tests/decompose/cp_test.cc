#include <gtest/gtest.h>

#include "adze/decompose.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "decompose/cp_als.h"
#include "decompose/method.h"
#include "decompose/product_kernel.h"
#include "decompose/random_tensor.h"
#include "relative_error.h"

namespace adze {
namespace {

// A sum of `rank` products of three random vectors, [taps, inputs, outputs].
std::vector<float> OfRank(int64_t rank, const Shape& shape) {
  const CpTensor tensor{{}, shape[0], shape[1], shape[2]};
  const auto vectors = [&](int64_t size, uint32_t seed) {
    const Tensor all = RandomTensor({rank, size}, seed);
    return std::vector<float>(all.data<float>().begin(), all.data<float>().end());
  };
  const CpFactors factors{rank, vectors(shape[0], 1), vectors(shape[1], 2), vectors(shape[2], 3)};
  const std::vector<float> products = CpProducts(tensor, factors);
  std::vector<float> sum(shape.num_elements());
  const int64_t rows = shape[0] * shape[1], columns = shape[2];
  for (int64_t r = 0; r < rank; ++r) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t o = 0; o < columns; ++o) {
        sum[i * columns + o] += products[r * rows + i] * factors.outputs[r * columns + o];
      }
    }
  }
  return sum;
}

CpFactors RandomFactors(int64_t rank, const Shape& shape, uint32_t seed) {
  const auto vectors = [&](int64_t size, uint32_t add) {
    const Tensor all = RandomTensor({rank, size}, seed + add);
    return std::vector<float>(all.data<float>().begin(), all.data<float>().end());
  };
  return {rank, vectors(shape[0], 0), vectors(shape[1], 1), vectors(shape[2], 2)};
}

TEST(CpAls, FindsATensorOfTheSameRank) {
  const Shape shape{9, 20, 24};
  const std::vector<float> values = OfRank(6, shape);
  const CpTensor tensor{values, 9, 20, 24};
  CpFactors factors = RandomFactors(6, shape, 50);
  const double start = CpLoss(tensor, factors);
  EXPECT_LT(ImproveCp(tensor, {.sweeps = 300, .restarts = 2}, &factors), 1e-6);
  EXPECT_GT(start, 0.5);
}

TEST(CpAls, NeverLosesMoreThanTheStartAndMoreSweepsLoseLess) {
  const Shape shape{9, 20, 24};
  const Tensor noise = RandomTensor(shape, 9);
  const CpTensor tensor{noise.data<float>(), 9, 20, 24};
  double last = 1e9;
  for (int sweeps : {0, 1, 5, 20, 60}) {
    CpFactors factors = RandomFactors(30, shape, 4);
    const double lost = ImproveCp(tensor, {.sweeps = sweeps}, &factors);
    EXPECT_LT(lost, last) << sweeps;
    EXPECT_NEAR(lost, CpLoss(tensor, factors), 1e-5);
    last = lost;
  }
  EXPECT_LT(last, 0.6);
}

// x -> conv, the image being 13 x 12 of 24 channels.
Graph OneConvolution(std::vector<int64_t> strides, const Tensor& weight) {
  Graph graph(Builtin<OpRegistry>());
  const Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 13, 12, 24}}})
          .output();
  graph.Add("conv", "Conv2D", {data, graph.AddConst("w", weight).output()},
            {{"T", DType::kFloat},
             {"padding", std::string("EXPLICIT")},
             {"explicit_paddings", std::vector<int64_t>{0, 0, 2, 1, 0, 3, 0, 0}},
             {"strides", std::move(strides)}});
  graph.SetOutputs({"conv"});
  return graph;
}

DecomposeOptions WithinSize(double share) {
  return {.method = "cp", .rule = RankRule::kSize, .share = share, .filter = DecomposeFilter::kAny};
}

TEST(Cp, MakesThreeLayersAndThePaddingIsTheFirstOnes) {
  Graph graph = OneConvolution({1, 2, 2, 1}, RandomTensor({3, 3, 24, 32}, 1));
  const Graph original = graph.Clone();
  const LayerDecomposition layer = Decompose(graph, WithinSize(0.5)).at(0);
  ASSERT_EQ(layer.reason, "");
  EXPECT_EQ(layer.nodes,
            (std::vector<std::string>{"conv/decom_first/decom_first", "conv/decom_core/decom_core",
                                      "conv/decom_last/decom_last"}));
  EXPECT_LE(2 * layer.weights_after, layer.weights_before);
  const Node* core = graph.Find("conv/decom_core/decom_core");
  EXPECT_EQ(core->op(), "DepthwiseConv2dNative");
  EXPECT_EQ(core->attr<std::string>("padding"), "VALID");
  EXPECT_FALSE(core->attrs().contains("explicit_paddings"));
  EXPECT_EQ(core->attr<std::vector<int64_t>>("strides"), (std::vector<int64_t>{1, 2, 2, 1}));
  EXPECT_EQ(graph.Find(layer.nodes[0])->attr<std::vector<int64_t>>("explicit_paddings"),
            (std::vector<int64_t>{0, 0, 2, 1, 0, 3, 0, 0}));
  const int64_t rank = layer.ranks.at(0);
  EXPECT_EQ(layer.macs_after, rank * (16 * 15 * 24 + 7 * 7 * (9 + 32)));
  // What is told of the error is so.
  const std::map<std::string, Tensor> feeds = {{"x", RandomTensor({1, 13, 12, 24}, 3)}};
  const Tensor a = Session(graph).Run(feeds).at(0), b = Session(original).Run(feeds).at(0);
  EXPECT_EQ(a.shape(), b.shape());
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    difference += std::pow(a.data<float>()[i] - b.data<float>()[i], 2);
    norm += std::pow(b.data<float>()[i], 2);
  }
  EXPECT_NEAR(std::sqrt(difference / norm), layer.error, 0.1 * layer.error);
}

TEST(Cp, KernelOfLowRankIsFoundExactly) {
  Tensor weight(DType::kFloat, {3, 3, 24, 32});
  const std::vector<float> values = OfRank(8, {9, 24, 32});
  std::copy(values.begin(), values.end(), weight.mutable_data<float>().begin());
  Graph graph = OneConvolution({1, 1, 1, 1}, weight);
  const std::map<std::string, Tensor> feeds = {{"x", RandomTensor({1, 13, 12, 24}, 3)}};
  const Tensor wanted = Session(graph).Run(feeds).at(0).Clone();
  const Convolution convolution = FindConvolutions(graph).at(0);
  const auto& method = Builtin<DecompositionMethodRegistry>().all().at("cp");
  const auto split = method.split({convolution, weight.data<float>()});
  PutInPlace(graph, convolution, split->Solve({72}));
  EXPECT_LT(RelativeError(Session(graph).Run(feeds).at(0), wanted), 1e-4);
}

TEST(Cp, LosesLessThanTheOthersAtTheSameSize) {
  const auto error = [](const char* method) {
    Graph graph = OneConvolution({1, 1, 1, 1}, RandomTensor({3, 3, 24, 32}, 1));
    DecomposeOptions options = WithinSize(0.6);
    options.method = method;
    return Decompose(graph, options).at(0).error;
  };
  const double cp = error("cp");
  for (const char* other : {"spatial", "channel", "tucker"}) EXPECT_LT(cp, error(other)) << other;
}

TEST(Cp, IsNotForStridesThatDiffer) {
  Graph graph = OneConvolution({1, 2, 1, 1}, RandomTensor({3, 3, 24, 32}, 1));
  DecomposeOptions options = WithinSize(0.5);
  options.rule = RankRule::kEnergy;
  EXPECT_EQ(Decompose(graph, options).at(0).reason, "no way costs less");
}

TEST(Cp, GivesTheSameBytesOnAnyNumberOfThreads) {
  const auto kernels = [](int threads) {
    const int before = NumThreads();
    SetNumThreads(threads);
    Graph graph = OneConvolution({1, 1, 1, 1}, RandomTensor({3, 3, 24, 32}, 1));
    const LayerDecomposition layer = Decompose(graph, WithinSize(0.5)).at(0);
    SetNumThreads(before);
    std::vector<float> all;
    for (const std::string& name : layer.nodes) {
      const auto values = graph.Find(name)->input(1).node->const_value().data<float>();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  const std::vector<float> one = kernels(1);
  EXPECT_FALSE(one.empty());
  for (int threads : {2, 3, 4}) EXPECT_EQ(kernels(threads), one) << threads;
}

}  // namespace
}  // namespace adze
