#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "adze/quant.h"

namespace adze {
namespace {

using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(ParamsFromRange, KnownRanges) {
  const auto expect = [](float min, float max, float scale, int zero_point) {
    const QuantParams params = ParamsFromRange(min, max, {});
    EXPECT_EQ(params.scale[0], scale) << min << ' ' << max;
    EXPECT_EQ(params.zero_point[0], zero_point) << min << ' ' << max;
  };
  expect(0, 6, 6.0f / 255, -128);
  expect(-1, 127.0f / 128, 1.0f / 128, 0);
  expect(-1, 3, 4.0f / 255, -64);
  expect(2, 6, 6.0f / 255, -128);  // widened to hold 0
  expect(-6, -2, 6.0f / 255, 127);
  expect(0, 0, 1, -128);
  expect(0, 1e-6f, 1, -128);  // a scale below epsilon
}

TEST(ParamsFromRange, SymmetricDividesTheLargerSide) {
  const QuantSpec symmetric = {.symmetric = true};
  EXPECT_EQ(ParamsFromRange(-1, 1, symmetric).scale[0], 1.0f / 127);
  EXPECT_EQ(ParamsFromRange(-1, 0.5f, symmetric).scale[0], 1.0f / 128);
  EXPECT_EQ(ParamsFromRange(0, 0, symmetric).scale[0], 1);
  EXPECT_EQ(ParamsFromRange(-3, 5, symmetric).zero_point[0], 0);
  EXPECT_EQ(ParamsFromRange(-3, 5, {.num_bits = 16, .symmetric = true}).scale[0], 5.0f / 32767);
  EXPECT_EQ(ParamsFromRange(0, 15, {.num_bits = 4}).scale[0], 1);
  EXPECT_EQ(ParamsFromRange(0, 15, {.num_bits = 4}).zero_point[0], -8);
}

TEST(ParamsFromRange, RefusesWhatIsNotFinite) {
  EXPECT_THROW(ParamsFromRange(0, kInf, {}), Error);
  EXPECT_THROW(ParamsFromRange(std::nanf(""), 1, {}), Error);
  // The difference of two finite ends is not finite.
  EXPECT_THROW(ParamsFromRange(-3e38f, 3e38f, {}), Error);
}

TEST(Quantize, EveryCodeComesBack) {
  for (const int bits : {4, 8, 16}) {
    for (const int zero_point : {QuantMin(bits), -3, 0, 5, QuantMax(bits)}) {
      for (const float scale : {1.0f, 0.0234375f, 6.0f / 255, 1234.5f}) {
        for (int q = QuantMin(bits); q <= QuantMax(bits); ++q) {
          ASSERT_EQ(Quantize(Dequantize(q, scale, zero_point), scale, zero_point, bits), q);
        }
      }
    }
  }
}

TEST(Quantize, TiesGoToEvenBeforeTheZeroPointIsAdded) {
  EXPECT_EQ(Quantize(0.5f, 1, 0, 8), 0);
  EXPECT_EQ(Quantize(1.5f, 1, 0, 8), 2);
  EXPECT_EQ(Quantize(-0.5f, 1, 0, 8), 0);
  EXPECT_EQ(Quantize(0.5f, 1, 1, 8), 1);
  EXPECT_EQ(Quantize(-0.0f, 1, 7, 8), 7);
}

TEST(Quantize, Saturates) {
  EXPECT_EQ(Quantize(1e30f, 1, 0, 8), 127);
  EXPECT_EQ(Quantize(-1e30f, 1, 0, 8), -128);
  EXPECT_EQ(Quantize(kInf, 1, 0, 8), 127);
  EXPECT_EQ(Quantize(1e30f, 1, 0, 16), 32767);
}

TEST(FakeQuantize, IsQuantizeThenDequantize) {
  struct Case {
    float scale;
    int32_t zero_point;
    int num_bits;
  };
  for (const auto& [scale, zero_point, num_bits] :
       {Case{0.0234375f, -31, 8}, Case{0.0234375f, -128, 8}, Case{0.02f, 127, 8},
        Case{0.0001f, -32768, 16}, Case{0.0001f, 32767, 16}, Case{0.5f, 0, 4}}) {
    std::vector<float> in = {0.0f, -0.0f, 1e30f, -1e30f, std::numeric_limits<float>::infinity()};
    // Halves of a step, and what is near them.
    for (int i = -1400; i <= 1400; ++i) in.push_back(scale * 0.5f * static_cast<float>(i));
    for (int i = -700; i <= 700; ++i) in.push_back(0.01f * static_cast<float>(i));
    std::vector<float> out(in.size());
    FakeQuantize(in, scale, zero_point, num_bits, out);
    for (size_t i = 0; i < in.size(); ++i) {
      const int32_t q = Quantize(in[i], scale, zero_point, num_bits);
      ASSERT_EQ(out[i], Dequantize(q, scale, zero_point)) << in[i] << " by " << scale;
    }
  }
}

TEST(QuantizeBias, RoundsAndRefusesWhatDoesNotFit) {
  const std::vector<float> bias = {1.5f, -2.5f, 100};
  EXPECT_THAT(QuantizeBias(bias, std::vector<float>{1, 1, 2}, 1), testing::ElementsAre(2, -2, 50));
  EXPECT_THAT(QuantizeBias(bias, std::vector<float>{0.5f}, 1), testing::ElementsAre(3, -5, 200));
  try {
    QuantizeBias(bias, std::vector<float>{1, 1, 1e-9f}, 1e-3f);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("channel 2"));
    EXPECT_THAT(e.what(), HasSubstr("--skip-layer"));
  }
}

}  // namespace
}  // namespace adze
