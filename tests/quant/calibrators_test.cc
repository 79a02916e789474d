#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "adze/calibrator.h"
#include "adze/registry.h"
#include "quant/squared_error.h"
#include "raw_values.h"

namespace adze {
namespace {

// Reference section 5 as it is written, on the data itself.
QuantParams SearchRaw(std::vector<float> values, const ActivationConfig& config) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const size_t k = std::max<size_t>(1, n - static_cast<size_t>(0.999999 * n));
  float max = std::max(0.0f, values[n - k]);
  const float min = std::min(0.0f, values[k - 1]);
  const bool negative = max < -min;
  if (!config.asymmetric) max = std::max(max, -min);
  double least = std::numeric_limits<double>::infinity();
  float best = 0;
  for (int i = 0; i < 60; ++i) {
    const float high = max * static_cast<float>(0.7 + i * 0.01);
    const float scale = config.asymmetric ? (high - min) / 255 : high / (negative ? 128 : 127);
    const float low = config.asymmetric ? min : -high;
    const double error =
        RawError(values, scale, std::nearbyint(low / scale), std::nearbyint(high / scale));
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  const int zero_point =
      config.asymmetric ? static_cast<int>(-std::nearbyint(min / best)) - 128 : 0;
  return {config.spec(), {best}, {zero_point}};
}

TEST(SquaredError, IsThatOfTheRawData) {
  for (const bool relu : {false, true}) {
    const std::vector<float> values = DrawNormal(300'000, 0.3f, 1.5f, relu);
    const SquaredError error(HistogramOf(values));
    for (const double scale : {0.02, 0.031, 0.5}) {
      for (const auto& [lowest, highest] : {std::pair(-128, 127), {0, 255}, {-20, 30}}) {
        const double raw = RawError(values, scale, lowest, highest);
        EXPECT_NEAR(error.Of(scale, lowest, highest), raw, 2e-3 * raw) << scale << ' ' << lowest;
      }
    }
  }
}

// As channels have whose weights died.
TEST(SquaredError, IsThatOfTheRawDataWhereValuesRepeat) {
  std::vector<float> values = DrawNormal(200'000, 0, 2, true);
  values.insert(values.end(), 5000, 5.36418f);
  values.insert(values.end(), 3000, 5.8463f);
  const SquaredError error(HistogramOf(values));
  for (const double scale : {0.0235, 0.0237, 0.0214}) {
    const double raw = RawError(values, scale, 0, 255);
    EXPECT_NEAR(error.Of(scale, 0, 255), raw, 2e-3 * raw) << scale;
  }
}

TEST(SquaredError, IsExactForFewDifferentValues) {
  std::vector<float> values;
  for (int i = 0; i < 256; ++i) values.push_back(static_cast<float>(i) / 127.5f - 1);
  const SquaredError error(HistogramOf(values));
  for (const double scale : {0.0078, 0.0079, 0.02}) {
    EXPECT_NEAR(error.Of(scale, -128, 127), RawError(values, scale, -128, 127), 1e-15);
  }
}

// Rounding n values at random leaves a mean square with a relative deviation of 0.9 / sqrt(n), here
// 0.09 %.
TEST(SquaredError, IsThatOfTheRawDataAtSixteenBits) {
  for (const bool relu : {false, true}) {
    for (const std::vector<float>& values :
         {DrawNormal(1'000'000, 0.3f, 1.5f, relu), DrawHeavy(1'000'000, relu)}) {
      const SquaredError error(HistogramOf(values));
      const auto [min, max] = std::minmax_element(values.begin(), values.end());
      for (const double part : {1.0, 0.9, 0.3}) {
        const QuantParams params = ParamsFromRange(static_cast<float>(*min * part),
                                                   static_cast<float>(*max * part), {16, false});
        const double raw = RawError(values, params);
        EXPECT_NEAR(error.Of(params), raw, 4e-3 * raw) << part;
      }
    }
  }
}

TEST(SquaredError, OfClippedIsThePartBeyondTheEnds) {
  const std::vector<float> values = DrawNormal(100'000, 0, 1, false);
  const SquaredError error(HistogramOf(values));
  for (const auto& [lowest, highest] : {std::pair(-128, 127), {0, 255}, {-20, 30}}) {
    double sum = 0;
    for (const double x : values) {
      const double q = std::nearbyint(x / 0.02);
      if (q < lowest) sum += (x - lowest * 0.02) * (x - lowest * 0.02);
      if (q > highest) sum += (x - highest * 0.02) * (x - highest * 0.02);
    }
    const double raw = sum / static_cast<double>(values.size());
    EXPECT_NEAR(error.OfClipped(0.02, lowest, highest), raw, 1e-3 * raw + 1e-12);
    EXPECT_LE(error.OfClipped(0.02, lowest, highest), error.Of(0.02, lowest, highest));
  }
}

TEST(Ifmr, FindsWhatTheRawSearchFinds) {
  for (const bool asymmetric : {true, false}) {
    for (const bool relu : {true, false}) {
      for (const float mean : {-1.0f, 0.0f, 0.7f}) {
        const std::vector<float> values = DrawNormal(200'000, mean, 1, relu);
        const ActivationConfig config = {.asymmetric = asymmetric};
        const QuantParams expected = SearchRaw(values, config);
        const QuantParams found = CalibrateValues(HistogramOf(values), config);
        EXPECT_EQ(found, expected)
            << asymmetric << relu << mean << ": " << found.scale[0] << " for " << expected.scale[0];
      }
    }
  }
}

TEST(Ifmr, OneValueAndZeros) {
  const QuantParams one = CalibrateValues(HistogramOf(std::vector<float>{3}), {});
  EXPECT_EQ(one, SearchRaw({3}, {}));
  const QuantParams zeros = CalibrateValues(HistogramOf(std::vector<float>(10, 0.0f)), {});
  EXPECT_EQ(zeros.scale[0], 1);
  EXPECT_EQ(zeros.zero_point[0], -128);
}

TEST(MinMax, IsTheRangeOfTheData) {
  const ActivationConfig config = {.algorithm = "min_max"};
  EXPECT_EQ(CalibrateValues(HistogramOf(std::vector<float>{-1, 3, 0.5f}), config),
            ParamsFromRange(-1, 3, {}));
  EXPECT_EQ(CalibrateValues(HistogramOf(std::vector<float>{2}), config), ParamsFromRange(0, 2, {}));
}

TEST(CalibrateValues, RefusesWhatCannotBeCalibrated) {
  EXPECT_THROW(CalibrateValues(FloatHistogram(), {}), Error);
  EXPECT_THROW(CalibrateValues(HistogramOf(std::vector<float>{1}), {.algorithm = "none"}), Error);
  for (const float bad : {std::nanf(""), -std::numeric_limits<float>::infinity()}) {
    EXPECT_THROW(CalibrateValues(HistogramOf(std::vector<float>{1, bad}), {}), Error);
  }
}

}  // namespace
}  // namespace adze
