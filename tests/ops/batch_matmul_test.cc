// BatchMatMulV3, whose operands and result may have different types, against sums written out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "ops/one_node.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Whole numbers, so that every sum of products is exact.
Tensor Whole(Shape shape, int seed) {
  std::mt19937 random(seed);
  Tensor tensor(DType::kFloat, std::move(shape));
  for (float& x : tensor.mutable_data<float>()) x = static_cast<float>(random() % 19) - 9;
  return tensor;
}

AttrMap Attrs(DType operands, DType result, bool adj_x = false, bool adj_y = false) {
  return {{"Ta", operands}, {"Tb", operands}, {"Tout", result}, {"adj_x", adj_x}, {"adj_y", adj_y}};
}

Tensor Multiply(const Tensor& a, const Tensor& b, AttrMap attrs) {
  return RunOp("BatchMatMulV3", {a, b}, std::move(attrs))[0];
}

TEST(BatchMatMulV3, BroadcastsBatchesAndTransposes) {
  constexpr int64_t kM = 2, kK = 3, kN = 4;
  for (const bool adj_x : {false, true}) {
    for (const bool adj_y : {false, true}) {
      const Tensor a = Whole(adj_x ? Shape{2, 1, kK, kM} : Shape{2, 1, kM, kK}, 1);
      const Tensor b = Whole(adj_y ? Shape{3, kN, kK} : Shape{3, kK, kN}, 2);
      std::vector<float> expected;
      for (int64_t i = 0; i < 2 * 3 * kM * kN; ++i) {
        const int64_t n = i % kN, m = i / kN % kM, at_b = i / (kN * kM) % 3,
                      at_a = i / (kN * kM * 3);
        float sum = 0;
        for (int64_t k = 0; k < kK; ++k) {
          sum += Floats(a)[at_a * kM * kK + (adj_x ? k * kM + m : m * kK + k)] *
                 Floats(b)[at_b * kK * kN + (adj_y ? n * kK + k : k * kN + n)];
        }
        expected.push_back(sum);
      }
      const Tensor result = Multiply(a, b, Attrs(DType::kFloat, DType::kFloat, adj_x, adj_y));
      EXPECT_EQ(result.shape(), (Shape{2, 3, kM, kN}));
      EXPECT_EQ(Floats(result), expected) << adj_x << adj_y;
    }
  }
}

TEST(BatchMatMulV3, OfBytesIsExactInInt32) {
  // 1200 * 128 * 128 - 1, which float32 does not hold.
  Tensor a = Tensor::Zeros(DType::kInt8, {1, 1, 1201}),
         b = Tensor::Zeros(DType::kInt8, {1, 1201, 1});
  std::fill_n(a.mutable_data<int8_t>().begin(), 1200, int8_t{-128});
  std::fill_n(b.mutable_data<int8_t>().begin(), 1200, int8_t{-128});
  a.mutable_data<int8_t>()[1200] = 1;
  b.mutable_data<int8_t>()[1200] = -1;
  const Tensor result = Multiply(a, b, Attrs(DType::kInt8, DType::kInt32));
  ASSERT_EQ(result.dtype(), DType::kInt32);
  EXPECT_THAT(result.data<int32_t>(), ElementsAre(19660799));
  const Tensor unsigned_a = Cast(Whole({1, 1, 1}, 1), DType::kUint8);
  EXPECT_EQ(Multiply(unsigned_a, Cast(Whole({1, 1, 1}, 1), DType::kInt8),
                     {{"Ta", DType::kUint8}, {"Tb", DType::kInt8}, {"Tout", DType::kInt32}})
                .dtype(),
            DType::kInt32);
}

TEST(BatchMatMulV3, KeepsMoreBitsThanItsOperands) {
  // 129 * 129 = 16641 has more bits than bfloat16.
  const Tensor x = Cast(Tensor::Vector<float>({129}), DType::kBfloat16).Reshaped({1, 1, 1});
  const Tensor wide = Multiply(x, x, Attrs(DType::kBfloat16, DType::kFloat));
  EXPECT_THAT(Floats(wide), ElementsAre(16641));
  EXPECT_EQ(Multiply(x, x, Attrs(DType::kBfloat16, DType::kBfloat16)).dtype(), DType::kBfloat16);
}

TEST(BatchMatMulV3, SaysWhatIsWrong) {
  const auto failure = [](std::vector<Shape> shapes, DType result) {
    return OneNode("BatchMatMulV3", shapes, Attrs(DType::kFloat, result)).Failure();
  };
  EXPECT_THAT(failure({{2, 3, 4}, {2, 4, 5}}, DType::kInt32),
              HasSubstr("of float32 and float32 to int32 is not supported"));
  EXPECT_THAT(failure({{2, 3, 4}, {2, 5, 4}}, DType::kFloat),
              HasSubstr("4 terms to sum in one operand and 5 in another"));
  EXPECT_THAT(failure({{4}, {2, 4, 5}}, DType::kFloat), HasSubstr("must be at least 2"));
  EXPECT_THAT(failure({{2, 3, 4}, {3, 4, 5}}, DType::kFloat), HasSubstr("[2]"));
}

}  // namespace
}  // namespace adze
