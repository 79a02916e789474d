// What holds for every calibrator of values, and exact facts of single ones.
#include <gmock/gmock.h>

#include <numeric>

#include "adze/registry.h"
#include "quant/squared_error.h"
#include "raw_values.h"

namespace adze {
namespace {

class EveryCalibrator : public testing::TestWithParam<std::string> {
 protected:
  // The range of values that the codes can express.
  static std::pair<float, float> RangeOf(const QuantParams& params) {
    const int bits = params.spec.num_bits;
    return {Dequantize(QuantMin(bits), params.scale[0], params.zero_point[0]),
            Dequantize(QuantMax(bits), params.scale[0], params.zero_point[0])};
  }
};

TEST_P(EveryCalibrator, OneValueIsKept) {
  for (const float value : {3.0f, 1e-3f, 250.0f}) {
    for (const float sign : {1.0f, -1.0f}) {
      for (const bool asymmetric : {true, false}) {
        const float x = sign * value;
        const QuantParams params = Calibrated(GetParam(), std::vector<float>{x}, asymmetric);
        // IFMR may take any scale that has x on its grid or nearly so.
        const int q = Quantize(x, params.scale[0], params.zero_point[0], 8);
        EXPECT_NEAR(Dequantize(q, params.scale[0], params.zero_point[0]), x, value / 100)
            << asymmetric;
      }
    }
  }
}

TEST_P(EveryCalibrator, ZerosHaveScaleOne) {
  const std::vector<float> zeros(10, 0.0f);
  for (const int bits : {8, 16}) {
    const QuantParams params = Calibrated(GetParam(), zeros, true, bits);
    EXPECT_EQ(params.scale[0], 1);
    EXPECT_EQ(params.zero_point[0], QuantMin(bits));
    EXPECT_EQ(Calibrated(GetParam(), zeros, false, bits).zero_point[0], 0);
  }
}

TEST_P(EveryCalibrator, AConstantIsLikeOneValue) {
  EXPECT_EQ(Calibrated(GetParam(), std::vector<float>(1000, 0.75f)),
            Calibrated(GetParam(), std::vector<float>{0.75f}));
}

TEST_P(EveryCalibrator, NegativeValuesOnlyHaveTheHighestCodeAtZero) {
  std::vector<float> values = DrawNormal(50'000, 0, 1, true);
  for (float& value : values) value = -value;
  const auto [low, high] = RangeOf(Calibrated(GetParam(), values));
  EXPECT_EQ(high, 0);
  EXPECT_LT(low, -2);
  EXPECT_GE(low, -6.5f);
}

TEST_P(EveryCalibrator, PositiveValuesOnlyHaveTheLowestCodeAtZero) {
  const std::vector<float> values = DrawNormal(50'000, 0, 1, true);
  const auto [low, high] = RangeOf(Calibrated(GetParam(), values));
  EXPECT_EQ(low, 0);
  EXPECT_GT(high, 2);
  EXPECT_LE(high, 6.5f);
}

TEST_P(EveryCalibrator, SymmetricMeansZeroPointZero) {
  for (const int bits : {4, 8, 16}) {
    const QuantParams params = Calibrated(GetParam(), DrawNormal(50'000, 1, 1, false), false, bits);
    EXPECT_EQ(params.zero_point[0], 0);
    EXPECT_GT(RangeOf(params).second, 1);
    EXPECT_LT(RangeOf(params).second, 8);
  }
}

TEST_P(EveryCalibrator, ScalesWithTheData) {
  // By a power of two, which changes no rounding.
  for (const bool asymmetric : {true, false}) {
    std::vector<float> values = DrawHeavy(30'000, false);
    const QuantParams params = Calibrated(GetParam(), values, asymmetric);
    for (float& value : values) value *= 8;
    const QuantParams large = Calibrated(GetParam(), values, asymmetric);
    EXPECT_EQ(large.scale[0], params.scale[0] * 8);
    EXPECT_EQ(large.zero_point[0], params.zero_point[0]);
  }
}

TEST_P(EveryCalibrator, DoesNotDependOnTheOrderOfTheData) {
  for (const int count : {100, 3000, 60'000}) {
    std::vector<float> values = DrawHeavy(count, false);
    const QuantParams params = Calibrated(GetParam(), values);
    std::shuffle(values.begin(), values.end(), std::mt19937(3));
    EXPECT_EQ(Calibrated(GetParam(), values), params);
    FloatHistogram first, second;
    first.Observe(std::span<const float>(values).first(count / 3));
    second.Observe(std::span<const float>(values).subspan(count / 3));
    second.Merge(first);
    EXPECT_EQ(CalibrateValues(second, {.algorithm = GetParam()}), params);
  }
}

TEST_P(EveryCalibrator, SixteenBitsAreFarMoreExactThanEight) {
  for (const bool relu : {false, true}) {
    const std::vector<float> values = DrawNormal(100'000, 0.2f, 1, relu);
    const double error8 = RawError(values, Calibrated(GetParam(), values));
    const double error16 = RawError(values, Calibrated(GetParam(), values, true, 16));
    // A percentile clips the same values whatever the bits.
    EXPECT_LT(error16, GetParam() == "percentile" ? error8 : error8 / 100) << relu;
  }
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& [name, def] : Builtin<CalibratorRegistry>().all()) {
    // Those that compare outputs of layers know nothing from values alone: output_errors_test.cc.
    if (!ComparesOutputs({.algorithm = name})) names.push_back(name);
  }
  return names;
}
INSTANTIATE_TEST_SUITE_P(All, EveryCalibrator, testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(Percentile, IsTheExactValueOfThatRank) {
  // 2,000,000 different values; 0.999999 of them are below the third largest.
  std::vector<float> values(2'000'000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0x1p-4f - 1000.0f;
  const auto range = [&](double percentile) {
    return CalibrateValues(HistogramOf(values), {.algorithm = "percentile",
                                                 .parameters = {{"max_percentile", percentile},
                                                                {"min_percentile", percentile}}});
  };
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  for (const double percentile : {0.999999, 0.9999, 0.9995}) {
    const size_t k = n - static_cast<size_t>(percentile * static_cast<double>(n));
    EXPECT_EQ(range(percentile), ParamsFromRange(values[k - 1], values[n - k], {})) << percentile;
  }
  EXPECT_EQ(range(1), ParamsFromRange(values.front(), values.back(), {}));
}

TEST(IfmrTwoSided, IsNeverWorseThanIfmr) {
  int better = 0;
  for (const bool asymmetric : {true, false}) {
    for (const bool relu : {false, true}) {
      for (const float mean : {-3.0f, -0.5f, 0.4f, 2.0f}) {
        for (const std::vector<float>& values :
             {DrawNormal(100'000, mean, 1, relu), DrawHeavy(100'000, relu)}) {
          const SquaredError error(HistogramOf(values));
          const double one = error.Of(Calibrated("ifmr", values, asymmetric));
          const double two = error.Of(Calibrated("ifmr_two_sided", values, asymmetric));
          EXPECT_LE(two, one);
          better += two < one;
        }
      }
    }
  }
  EXPECT_GT(better, 5);
}

TEST(IfmrTwoSided, FindsALongLowEnd) {
  // A few far negative values, which IFMR keeps because it does not move the minimum.
  std::vector<float> values = DrawNormal(100'000, 0.5f, 1, false);
  for (int i = 0; i < 5; ++i) values[i] = -12;
  const double one = RawError(values, Calibrated("ifmr", values));
  const double two = RawError(values, Calibrated("ifmr_two_sided", values));
  EXPECT_LT(two, 0.98 * one);
}

TEST(Mse, IsTheLeastOfTheGridOnTheRawData) {
  for (const bool asymmetric : {true, false}) {
    for (const bool relu : {false, true}) {
      const std::vector<float> values = DrawHeavy(3000, relu);
      const auto [min, max] = std::minmax_element(values.begin(), values.end());
      const float low = std::min(*min, 0.0f);
      double least = 1e300;
      for (int i = 1; i <= 20; ++i) {
        for (int j = 1; j <= 20; ++j) {
          if ((!asymmetric || relu) && i != j) continue;
          const QuantParams params =
              ParamsFromRange(low * static_cast<float>(i) / 20.0f,
                              *max * static_cast<float>(j) / 20.0f, {8, !asymmetric});
          least = std::min(least, RawError(values, params));
        }
      }
      const QuantParams found = CalibrateValues(
          HistogramOf(values),
          {.algorithm = "mse", .asymmetric = asymmetric, .parameters = {{"grid_steps", 20}}});
      EXPECT_NEAR(RawError(values, found), least, 2e-3 * least) << asymmetric << relu;
    }
  }
}

TEST(Sqnr, ClipsLessTheMoreClippingWeighs) {
  const std::vector<float> values = DrawHeavy(100'000, false);
  for (const bool asymmetric : {true, false}) {
    float last = 0;
    for (const double gamma : {1.0, 3.0, 30.0, 1000.0}) {
      const QuantParams params = CalibrateValues(
          HistogramOf(values),
          {.algorithm = "sqnr", .asymmetric = asymmetric, .parameters = {{"gamma", gamma}}});
      EXPECT_GE(params.scale[0], last) << gamma;
      last = params.scale[0];
    }
    EXPECT_GT(last, Calibrated("mse", values, asymmetric).scale[0]);
  }
}

// The published factors (ACIQ, table 1 and its source), two digits each.
TEST(Aciq, HasThePublishedFactors) {
  // One value on either side of 0: mean 0, E|x| 1, deviation 1.
  std::vector<float> two_sided = {-1, 1};
  two_sided.push_back(100);  // far away, so that nothing is cut to what was seen
  two_sided.push_back(-100);
  for (int i = 0; i < 500'000; ++i) two_sided.push_back(i % 2 ? -1.0f : 1.0f);
  std::vector<float> one_sided(500'000, 1.0f);
  one_sided.push_back(100);
  one_sided.insert(one_sided.end(), 100'000, 0.0f);
  const auto factor = [](const std::string& name, const std::vector<float>& values, int bits) {
    const QuantParams params = Calibrated(name, values, true, bits);
    return params.scale[0] * static_cast<float>((1 << bits) - 1) /
           (params.zero_point[0] == QuantMin(bits) ? 1 : 2);
  };
  EXPECT_NEAR(factor("aciq_laplace", two_sided, 4), 5.03, 0.02);
  EXPECT_NEAR(factor("aciq_laplace", two_sided, 8), 9.89, 0.02);
  EXPECT_NEAR(factor("aciq_laplace", one_sided, 4), 6.20, 0.02);
  EXPECT_NEAR(factor("aciq_laplace", one_sided, 8), 11.16, 0.02);
  // The two far values are a part of the deviation: sqrt(1 + 2 * 100^2 / 500004), sqrt(1.02).
  EXPECT_NEAR(factor("aciq_gauss", two_sided, 4), 2.55 * std::sqrt(1.04), 0.02);
  EXPECT_NEAR(factor("aciq_gauss", two_sided, 8), 3.92 * std::sqrt(1.04), 0.02);
  EXPECT_NEAR(factor("aciq_gauss", one_sided, 4), 2.93 * std::sqrt(1.02), 0.02);
  EXPECT_NEAR(factor("aciq_gauss", one_sided, 8), 4.20 * std::sqrt(1.02), 0.02);
}

TEST(ParseCalibrator, TakesANameAndNumbers) {
  EXPECT_EQ(ParseCalibrator("mse"), (ActivationConfig{.algorithm = "mse"}));
  EXPECT_EQ(ParseCalibrator("percentile:max_percentile=0.99,min_percentile=1"),
            (ActivationConfig{.algorithm = "percentile",
                              .parameters = {{"max_percentile", 0.99}, {"min_percentile", 1}}}));
  for (const char* bad : {"mse:grid_steps", "mse:grid_steps=", "mse:grid_steps=5x", "mse:=nan"}) {
    EXPECT_THROW(ParseCalibrator(bad), Error) << bad;
  }
}

TEST(SettingsOf, NamesWhatIsWrong) {
  const auto refusal = [](const ActivationConfig& config) -> std::string {
    try {
      SettingsOf(config);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal({.algorithm = "entropi"}),
              testing::HasSubstr("no calibrator 'entropi' (did you mean 'entropy'?); there are "));
  EXPECT_THAT(refusal({.algorithm = "min_max", .parameters = {{"gamma", 1}}}),
              testing::HasSubstr("min_max has no parameter 'gamma'; it has none"));
  EXPECT_THAT(refusal({.parameters = {{"search_range_start", 1.4}}}),
              testing::HasSubstr("start must be below its end"));
  EXPECT_THAT(refusal({.parameters = {{"search_step", 1e-7}}}),
              testing::HasSubstr("makes more than 10000 candidates"));
  EXPECT_EQ(refusal({}), "accepted");
}

}  // namespace
}  // namespace adze
