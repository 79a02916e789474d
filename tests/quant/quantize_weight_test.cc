#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "adze/quant.h"

namespace adze {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int8_t> Codes(const QuantizedWeight& weight) {
  const auto data = weight.values.data<int8_t>();
  return {data.begin(), data.end()};
}

TEST(QuantizeWeightArq, ScalesEachChannelByItsLargerSide) {
  // Channels are columns: max 127, min -128 (the negative side is larger), and zeros.
  const Tensor weight = Tensor::From<float>({2, 3}, {127, -128, 0, -1, 64, -0.0f});
  const QuantizedWeight quantized = QuantizeWeightArq(weight, {1}, 8);
  EXPECT_THAT(quantized.params.scale, ElementsAre(1.0f, 1.0f, 1.0f));
  EXPECT_THAT(quantized.params.zero_point, ElementsAre(0, 0, 0));
  EXPECT_THAT(Codes(quantized), ElementsAre(127, -128, 0, -1, 64, 0));
  EXPECT_TRUE(quantized.params.spec.symmetric);
}

TEST(QuantizeWeightArq, Divides127WhenSidesAreEqual) {
  const Tensor weight = Tensor::Vector<float>({-2, 2});
  const QuantizedWeight quantized = QuantizeWeightArq(weight, {}, 8);
  EXPECT_THAT(quantized.params.scale, ElementsAre(2.0f / 127));
  EXPECT_THAT(Codes(quantized), ElementsAre(-127, 127));
}

TEST(QuantizeWeightArq, RoundsTiesToEven) {
  const Tensor weight = Tensor::Vector<float>({127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f});
  EXPECT_THAT(Codes(QuantizeWeightArq(weight, {}, 8)), ElementsAre(127, 0, 2, 2, 0, -2, -2));
}

TEST(QuantizeWeightArq, NumbersChannelsOfSeveralAxesInOrder) {
  // Depthwise [1, 1, 2, 3]: channel c * 3 + m.
  const Tensor weight = Tensor::From<float>({1, 1, 2, 3}, {127, 254, 381, -128, -256, 0});
  const QuantizedWeight quantized = QuantizeWeightArq(weight, {2, 3}, 8);
  EXPECT_THAT(quantized.params.scale, ElementsAre(1, 2, 3, 1, 2, 1));
  EXPECT_THAT(Codes(quantized), ElementsAre(127, 127, 127, -128, -128, 0));
}

TEST(QuantizeWeightArq, TakesAChannelAxisInTheMiddle) {
  // Conv2DBackpropInput's [.., O, I]: axis 1 of [2, 2, 2].
  const Tensor weight = Tensor::From<float>({2, 2, 2}, {127, 1, 254, 2, -1, 3, 4, -256});
  const QuantizedWeight quantized = QuantizeWeightArq(weight, {1}, 8);
  EXPECT_THAT(quantized.params.scale, ElementsAre(1, 2));
  EXPECT_THAT(Codes(quantized), ElementsAre(127, 1, 127, 1, -1, 3, 2, -128));
}

TEST(QuantizeWeightArq, UsesTheRangeOfFewerBits) {
  for (const int bits : {4, 6, 7}) {
    const auto most = static_cast<float>(QuantMax(bits)),
               least = static_cast<float>(QuantMin(bits));
    const Tensor weight = Tensor::Vector<float>({most, 0.25f * most});
    const QuantizedWeight positive = QuantizeWeightArq(weight, {}, bits);
    EXPECT_EQ(positive.params.scale[0], 1) << bits;
    EXPECT_EQ(Codes(positive)[0], QuantMax(bits));
    const QuantizedWeight negative = QuantizeWeightArq(Tensor::Scalar<float>(least), {}, bits);
    EXPECT_EQ(negative.params.scale[0], 1) << bits;
    EXPECT_EQ(Codes(negative)[0], QuantMin(bits));
  }
}

TEST(QuantizeWeightArq, RefusesNan) {
  const Tensor weight = Tensor::From<float>({1, 2}, {1, std::nanf("")});
  try {
    QuantizeWeightArq(weight, {1}, 8);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(e.what(), HasSubstr("NaN (output channel 1)"));
  }
}

TEST(DequantizeWeight, MultipliesByTheScaleOfTheChannel) {
  const Tensor weight = Tensor::From<float>({2, 2}, {1.27f, 2.54f, -0.5f, 0.5f});
  const QuantizedWeight quantized = QuantizeWeightArq(weight, {1}, 8);
  const Tensor back = DequantizeWeight(quantized, {1});
  const auto codes = Codes(quantized);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(back.data<float>()[i], codes[i] * quantized.params.scale[i % 2]);
    EXPECT_NEAR(back.data<float>()[i], weight.data<float>()[i],
                quantized.params.scale[i % 2] / 2 * 1.0001f);
  }
  // One scale for the whole tensor, whatever its axes.
  const QuantizedWeight whole = QuantizeWeightArq(weight, {}, 8);
  EXPECT_EQ(DequantizeWeight(whole, {1}).data<float>()[0], Codes(whole)[0] * whole.params.scale[0]);
}

}  // namespace
}  // namespace adze
