#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "adze/op.h"
#include "adze/registry.h"

namespace adze {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

Tensor Evaluate(const std::string& op, const std::vector<Tensor>& inputs, AttrMap attrs = {}) {
  Graph graph(Builtin<OpRegistry>());
  return EvaluateNode(graph.Add("y", op, {}, std::move(attrs)), inputs).at(0);
}

Tensor Iota(Shape shape) {
  Tensor tensor(DType::kFloat, std::move(shape));
  float value = 0;
  for (float& x : tensor.mutable_data<float>()) x = value++;
  return tensor;
}

template <typename T>
std::vector<T> CastTo(DType dtype, const std::vector<double>& values) {
  const Tensor cast = Evaluate("Cast", {Tensor::Vector<double>(values)},
                               {{"SrcT", DType::kDouble}, {"DstT", dtype}});
  return {cast.data<T>().begin(), cast.data<T>().end()};
}

// Batch norms are folded with them: the same bits on every machine.
TEST(Roots, AreRounded) {
  const Tensor x = Tensor::Vector<float>({1, 4, 2, 1e-30f, 0, INFINITY, 3e-39f, 7});
  const auto root = Evaluate("Sqrt", {x}), inverse = Evaluate("Rsqrt", {x});
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    EXPECT_EQ(root.data<float>()[i], std::sqrt(x.data<float>()[i])) << i;
    EXPECT_EQ(inverse.data<float>()[i], 1 / std::sqrt(x.data<float>()[i])) << i;
  }
}

// What does not fit becomes what x86 makes of it; narrow integers are the low bits of int32.
TEST(Cast, IsDefinedForEveryNumber) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kTwo31 = 2147483648, kTwo63 = 9223372036854775808.0;
  EXPECT_THAT(
      CastTo<int32_t>(DType::kInt32, {-2.9, kTwo31 - 1, kTwo31, -kTwo31, -kTwo31 - 1, kNan}),
      ElementsAre(-2, INT32_MAX, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN));
  EXPECT_THAT(CastTo<int64_t>(DType::kInt64, {kTwo31, kTwo63, -kTwo63, kNan}),
              ElementsAre(int64_t{1} << 31, INT64_MIN, INT64_MIN, INT64_MIN));
  EXPECT_THAT(CastTo<uint8_t>(DType::kUint8, {255.9, 256, -1, 1e30, kNan}),
              ElementsAre(255, 0, 255, 0, 0));
  EXPECT_THAT(CastTo<int8_t>(DType::kInt8, {127, 128, -129}), ElementsAre(127, -128, 127));
  EXPECT_THAT(CastTo<uint32_t>(DType::kUint32, {kTwo31, -1, kNan}),
              ElementsAre(1u << 31, UINT32_MAX, 0));
  EXPECT_THAT(CastTo<uint64_t>(DType::kUint64, {kTwo63, -1, 2 * kTwo63}),
              ElementsAre(uint64_t{1} << 63, UINT64_MAX, uint64_t{1} << 63));
  const Tensor half = Cast(Tensor::Vector<float>({INFINITY, -3.5}), DType::kHalf);
  EXPECT_EQ(ToInt64s(half), (std::vector<int64_t>{INT64_MIN, -3}));
}

// Every broadcast against the definition: index both operands by the output's index. The shapes
// reach each fast path: same, scalar, channel (long and short), spatial, both sides repeated.
TEST(Broadcasting, FollowsTheDefinition) {
  const std::vector<std::pair<Shape, Shape>> cases = {{{3, 5}, {3, 5}},
                                                      {{3, 5}, {}},
                                                      {{}, {2, 2}},
                                                      {{2000, 3}, {3}},
                                                      {{3}, {2000, 3}},
                                                      {{4, 300}, {300}},
                                                      {{2, 6, 7, 5}, {2, 1, 1, 5}},
                                                      {{2, 6, 7, 1}, {5}},
                                                      {{2, 1, 3}, {1, 4, 1}},
                                                      {{40000}, {1}},
                                                      {{0, 3}, {3}},
                                                      {{5, 1}, {1, 5}}};
  for (const auto& [sa, sb] : cases) {
    const Tensor a = Iota(sa), b = Iota(sb);
    const Tensor c = Evaluate("Sub", {a, b});
    const Shape out = BroadcastShapes(sa, sb);
    ASSERT_EQ(c.shape(), out);
    const auto at = [&](const Tensor& t, int64_t flat) {
      int64_t index = 0, stride = 1;
      for (int i = out.rank() - 1; i >= 0; --i) {
        const int own = i - (out.rank() - t.shape().rank());
        if (own >= 0) {
          index += t.shape()[own] == 1 ? 0 : flat % out[i] * stride;
          stride *= t.shape()[own];
        }
        flat /= out[i];
      }
      return t.data<float>()[index];
    };
    for (int64_t i = 0; i < c.num_elements(); ++i) {
      ASSERT_EQ(c.data<float>()[i], at(a, i) - at(b, i)) << sa.ToString() << sb.ToString() << i;
    }
  }
}

// As TensorFlow 1.15 does. Long enough for the vectorised part and the tail.
TEST(NotANumber, PassesActivationsAndTheFirstOperandButNotReductions) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* op : {"Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Sigmoid"}) {
    const Tensor y = Evaluate(op, {Tensor::Vector<float>(std::vector<float>(37, nan))});
    for (float value : y.data<float>()) EXPECT_TRUE(std::isnan(value)) << op;
  }
  const Tensor bad = Tensor::Vector<float>({nan, nan}), good = Tensor::Vector<float>({1, 2});
  EXPECT_TRUE(std::isnan(Evaluate("Maximum", {bad, good}).data<float>()[0]));
  EXPECT_TRUE(std::isnan(Evaluate("Minimum", {bad, good}).data<float>()[1]));
  EXPECT_EQ(Evaluate("Maximum", {good, bad}).data<float>()[0], 1);
  EXPECT_EQ(Evaluate("Minimum", {good, bad}).data<float>()[1], 2);
  const Tensor axis = Tensor::Vector<int32_t>({0});
  const Tensor mixed = Tensor::Vector<float>({nan, 3, nan, 7});
  EXPECT_EQ(Evaluate("Max", {mixed, axis}).data<float>()[0], 7);
  EXPECT_EQ(Evaluate("Min", {mixed, axis}).data<float>()[0], 3);
}

TEST(Rounding, TakesHalvesToEven) {
  EXPECT_THAT(Evaluate("Round", {Tensor::Vector<float>({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.51})})
                  .data<float>(),
              ElementsAre(-2, -2, 0, 0, 2, 2, 3));
}

TEST(FloorDivision, GoesDownAndItsRestHasTheDivisorsSign) {
  const Tensor a = Tensor::Vector<int32_t>({7, -7, 7, -7}),
               b = Tensor::Vector<int32_t>({3, 3, -3, -3});
  EXPECT_THAT(Evaluate("FloorDiv", {a, b}).data<int32_t>(), ElementsAre(2, -3, -3, 2));
  EXPECT_THAT(Evaluate("FloorMod", {a, b}).data<int32_t>(), ElementsAre(1, 2, -2, -1));
}

TEST(Activations, DoNotOverflowFarFromZero) {
  const Tensor x = Tensor::Vector<float>({-200, -20, 20, 200});
  const float small = std::exp(-20.f);
  const Tensor softplus = Evaluate("Softplus", {x});
  EXPECT_EQ(softplus.data<float>()[3], 200);
  EXPECT_NEAR(softplus.data<float>()[1] / small, 1, 1e-5);
  EXPECT_THAT(Evaluate("Elu", {x}).data<float>(), ElementsAre(-1, small - 1, 20, 200));
}

TEST(StridedSlice, UnderstandsEveryMask) {
  const Tensor x = Iota({2, 3, 4});
  const auto slice = [&](std::vector<int32_t> b, std::vector<int32_t> e, std::vector<int32_t> s,
                         AttrMap masks) {
    return Evaluate("StridedSlice", {x, Tensor::Vector(b), Tensor::Vector(e), Tensor::Vector(s)},
                    masks);
  };
  // x[1, ::-1, 1:3]
  const Tensor a = slice({1, 0, 1}, {2, 0, 3}, {1, -1, 1},
                         {{"shrink_axis_mask", 1}, {"begin_mask", 2}, {"end_mask", 2}});
  EXPECT_EQ(a.shape(), (Shape{3, 2}));
  EXPECT_THAT(a.data<float>(), ElementsAre(21, 22, 17, 18, 13, 14));
  // x[..., newaxis, -1]
  const Tensor b = slice({0, 0, -1}, {0, 0, 0}, {1, 1, 1},
                         {{"ellipsis_mask", 1}, {"new_axis_mask", 2}, {"shrink_axis_mask", 4}});
  EXPECT_EQ(b.shape(), (Shape{2, 3, 1}));
  EXPECT_THAT(b.data<float>(), ElementsAre(3, 7, 11, 15, 19, 23));
  // x[:, 5:, ::3]
  EXPECT_EQ(slice({0, 5, 0}, {0, 9, 0}, {1, 1, 3}, {{"begin_mask", 5}, {"end_mask", 5}}).shape(),
            (Shape{2, 0, 2}));
}

TEST(Transpose, GivesTheElementsBackAfterItsInverse) {
  const Tensor x = Iota({3, 40, 33, 5});
  const Tensor there = Evaluate("Transpose", {x, Tensor::Vector<int32_t>({0, 3, 1, 2})});
  EXPECT_EQ(there.shape(), (Shape{3, 5, 40, 33}));
  EXPECT_EQ(there.data<float>()[33], x.data<float>()[33 * 5]);
  const Tensor back = Evaluate("Transpose", {there, Tensor::Vector<int32_t>({0, 2, 3, 1})});
  EXPECT_THAT(back.data<float>(), ElementsAreArray(x.data<float>()));
}

TEST(Reduction, OfNothingIsTheNeutralElement) {
  const Tensor x = Tensor::Zeros(DType::kFloat, {2, 0}), axis = Tensor::Vector<int32_t>({1});
  EXPECT_THAT(Evaluate("Sum", {x, axis}).data<float>(), ElementsAre(0, 0));
  EXPECT_THAT(Evaluate("Prod", {x, axis}).data<float>(), ElementsAre(1, 1));
  EXPECT_EQ(Evaluate("Max", {x, axis}).data<float>()[0], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(Evaluate("Mean", {x, axis}).data<float>()[0]));
}

}  // namespace
}  // namespace adze
