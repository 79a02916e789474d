#include "decompose/int8_factors.h"

#include <gtest/gtest.h>

#include <cmath>

#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "decompose/product_kernel.h"
#include "decompose/random_tensor.h"

namespace adze {
namespace {

std::vector<float> Values(const Shape& shape, uint32_t seed) {
  const Tensor tensor = RandomTensor(shape, seed);
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

// 3 x 1 and 1 x 3 with channels between them whose power falls by 2^16.
std::vector<Factor> Uneven() {
  std::vector<Factor> factors = {
      {.part = "decom_first", .kernel = {3, 1, 24, 16}, .values = Values({3, 1, 24, 16}, 1)},
      {.part = "decom_last", .kernel = {1, 3, 16, 32}, .values = Values({1, 3, 16, 32}, 2)}};
  for (size_t i = 0; i < factors[1].values.size(); ++i) {
    factors[1].values[i] *= std::exp2(-static_cast<float>(i / 32 % 16));
  }
  return factors;
}

TEST(Int8Factors, BalancedKernelsStandForTheSameAndHaveRangesAlike) {
  std::vector<Factor> factors = Uneven();
  const std::vector<float> product = ProductKernel(factors);
  BalanceFactors(&factors);
  EXPECT_EQ(ProductKernel(factors), product);
  for (int64_t c = 0; c < 16; ++c) {
    float before = 0, behind = 0;
    for (int64_t i = c; i < 3 * 24 * 16; i += 16) {
      before = std::max(before, std::abs(factors[0].values[i]));
    }
    for (int64_t i = 0; i < 3 * 16 * 32; ++i) {
      if (i / 32 % 16 == c) behind = std::max(behind, std::abs(factors[1].values[i]));
    }
    EXPECT_LE(std::abs(std::log2(before / behind)), 1.01) << c;
  }
}

TEST(Int8Factors, BalancingLosesLessInEightBits) {
  std::vector<Factor> factors = Uneven();
  const std::vector<float> weight = ProductKernel(factors);
  const double before = RelativeInt8Loss(weight, factors, 32, {});
  BalanceFactors(&factors);
  const double after = RelativeInt8Loss(weight, factors, 32, {});
  EXPECT_GT(before, 0.002);
  EXPECT_LT(after, 0.9 * before);
  // A kernel by itself loses something too.
  EXPECT_GT(RelativeInt8Loss(weight, {}, 32, {}), 0.001);
}

// What is reported is measured on the kernels that are written.
TEST(Int8Factors, ReportedErrorIsThatOfTheWrittenKernels) {
  Graph graph(Builtin<OpRegistry>());
  const Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 9, 9, 64}}})
          .output();
  const Tensor weight = RandomTensor({3, 3, 64, 64}, 5);
  graph.Add("conv", "Conv2D", {data, graph.AddConst("w", weight).output()},
            {{"T", DType::kFloat},
             {"padding", std::string("SAME")},
             {"strides", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.SetOutputs({"conv"});
  const LayerDecomposition layer =
      Decompose(graph,
                {.method = "spatial", .rule = RankRule::kSize, .share = 0.7, .for_int8 = true})
          .at(0);
  std::vector<Factor> factors;
  for (size_t i = 0; i < 2; ++i) {
    const Tensor kernel = graph.Find(layer.nodes[i])->input(1).node->const_value();
    factors.push_back({.kernel = kernel.shape(),
                       .values = {kernel.data<float>().begin(), kernel.data<float>().end()}});
  }
  EXPECT_NEAR(*layer.int8_error, RelativeInt8Loss(weight.data<float>(), factors, 64, {}), 1e-7);
  EXPECT_GT(*layer.int8_error, layer.error);
}

}  // namespace
}  // namespace adze
