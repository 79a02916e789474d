#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <random>

#include "adze/parallel.h"
#include "adze/registry.h"
#include "adze/weight_quantizer.h"

namespace adze {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Normal weights whose channels (columns) have ranges of their own, one of them zeros.
Tensor MakeWeight(int64_t rows = 200) {
  std::mt19937 bits(1);
  std::normal_distribution<float> normal;
  Tensor weight(DType::kFloat, {rows, 5});
  const float ranges[] = {1, 0.01f, 300, 0, 1e-4f};
  for (int64_t i = 0; i < rows * 5; ++i) {
    weight.mutable_data<float>()[i] = normal(bits) * ranges[i % 5];
  }
  return weight;
}

double SquaredError(const Tensor& weight, const QuantParams& params, const std::vector<int>& axes) {
  const Tensor back = DequantizeWeight(QuantizeWeight(weight, params, axes), axes);
  double sum = 0;
  for (int64_t i = 0; i < weight.num_elements(); ++i) {
    sum += std::pow(static_cast<double>(weight.data<float>()[i]) - back.data<float>()[i], 2);
  }
  return sum;
}

std::vector<int8_t> Codes(const Tensor& weight, const QuantParams& params,
                          const std::vector<int>& axes) {
  const Tensor values = QuantizeWeight(weight, params, axes).values;
  return {values.data<int8_t>().begin(), values.data<int8_t>().end()};
}

// Exporters know scales and a float weight only: integer * scale must give the integer back.
TEST(WeightQuantizers, IntegersComeBackFromIntegersTimesScale) {
  for (const auto& [name, def] : Builtin<WeightQuantizerRegistry>().all()) {
    for (const int bits : def.num_bits) {
      for (const std::vector<int>& axes : {std::vector<int>{}, std::vector<int>{1}}) {
        SCOPED_TRACE(name + " " + std::to_string(bits) + " bits");
        const Tensor weight = MakeWeight();
        const WeightFactors factors =
            CalibrateWeight(weight, axes, {.algorithm = name, .num_bits = bits});
        EXPECT_EQ(factors.params.spec, (QuantSpec{.num_bits = bits, .symmetric = true}));
        EXPECT_EQ(factors.params.scale.size(), axes.empty() ? 1 : 5);
        const Tensor moved =
            factors.cluster.empty()
                ? DequantizeWeight(QuantizeWeight(weight, factors.params, axes), axes)
                : MoveToCentres(weight, factors, axes);
        const std::vector<int8_t> codes = Codes(moved, factors.params, axes);
        for (int64_t i = 0; i < weight.num_elements(); ++i) {
          const float scale = factors.params.scale[axes.empty() ? 0 : i % 5];
          ASSERT_EQ(static_cast<float>(codes[i]) * scale, moved.data<float>()[i]) << i;
          ASSERT_GE(codes[i], QuantMin(bits));
          ASSERT_LE(codes[i], QuantMax(bits));
        }
        // Moving again changes nothing.
        EXPECT_EQ(Codes(DequantizeWeight(QuantizeWeight(moved, factors.params, axes), axes),
                        factors.params, axes),
                  codes);
      }
    }
  }
}

TEST(WeightQuantizers, AllZeroChannelsHaveScaleOne) {
  for (const auto& [name, def] : Builtin<WeightQuantizerRegistry>().all()) {
    const auto factors = CalibrateWeight(MakeWeight(), {1}, {.algorithm = name});
    EXPECT_EQ(factors.params.scale[3], 1) << name;
  }
}

TEST(WeightQuantizers, RefuseNanAndUnknownNames) {
  const Tensor weight = Tensor::From<float>({1, 2}, {1, std::nanf("")});
  for (const auto& [name, def] : Builtin<WeightQuantizerRegistry>().all()) {
    try {
      CalibrateWeight(weight, {1}, {.algorithm = name});
      FAIL() << name;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("NaN (output channel 1)"));
    }
  }
  EXPECT_THROW(CalibrateWeight(MakeWeight(), {}, {.algorithm = "oracle"}), Error);
}

TEST(Mse, IsAsGoodAsTheBestOfManyScales) {
  const Tensor all = MakeWeight();
  for (const int bits : {4, 6, 8}) {
    for (const int64_t channel : {0, 1, 2, 4}) {
      Tensor weight(DType::kFloat, {200});
      for (int64_t i = 0; i < 200; ++i) {
        weight.mutable_data<float>()[i] = all.data<float>()[i * 5 + channel];
      }
      const QuantParams range = WeightParamsArq(weight, {}, bits);
      double least = std::numeric_limits<double>::infinity();
      for (int i = 1; i <= 4000; ++i) {
        QuantParams params = range;
        params.scale[0] *= static_cast<float>(i) / 4000;
        least = std::min(least, SquaredError(weight, params, {}));
      }
      const auto found = CalibrateWeight(weight, {}, {.algorithm = "mse", .num_bits = bits}).params;
      EXPECT_LE(SquaredError(weight, found, {}), 1.05 * least) << bits << " bits, " << channel;
      EXPECT_LT(SquaredError(weight, found, {}), SquaredError(weight, range, {}));
    }
  }
}

// 4 bits on n weights of 0.875 and one of 14. With the range's scale 2 they become 0, an error of
// 0.766 n. With the integers 1 and 7 the error n (s - 0.875)^2 + (14 - 7 s)^2 is least at
// s = (0.875 n + 98) / (n + 49): for n = 20 that is 18 > 15.3, for n = 200 it is 50 < 153.
TEST(Mse, ClipsAnOutlierWhereTheOthersOutweighIt) {
  const auto scale_of = [](int64_t count) {
    std::vector<float> values(count, 0.875f);
    values.push_back(14);
    return CalibrateWeight(Tensor::Vector(values), {}, {.algorithm = "mse", .num_bits = 4})
        .params.scale[0];
  };
  EXPECT_EQ(scale_of(20), 2);
  EXPECT_NEAR(scale_of(200), 546. / 498, 1e-6);
}

TEST(Mse, KeepsAWeightThatIsOnTheGridOfItsRange) {
  const Tensor weight = Tensor::Vector<float>({127, 3, -5, 64});
  EXPECT_THAT(CalibrateWeight(weight, {}, {.algorithm = "mse"}).params.scale, ElementsAre(1));
}

TEST(Mse, GivesTheSameOnAnyNumberOfThreads) {
  SetNumThreads(1);
  const auto one = CalibrateWeight(MakeWeight(3001), {1}, {.algorithm = "mse"});
  SetNumThreads(2);
  EXPECT_EQ(CalibrateWeight(MakeWeight(3001), {1}, {.algorithm = "mse"}).params, one.params);
  SetNumThreads(0);
}

WeightFactors Nuq(const Tensor& weight, int steps, int iterations) {
  return CalibrateWeight(weight, {1},
                         {.algorithm = "nuq", .num_steps = steps, .num_iterations = iterations});
}

double ErrorOfCodes(const Tensor& weight, const WeightFactors& factors) {
  const auto before = Codes(weight, factors.params, {1});
  const auto after = Codes(MoveToCentres(weight, factors, {1}), factors.params, {1});
  double sum = 0;
  for (size_t i = 0; i < before.size(); ++i) sum += std::pow(before[i] - after[i], 2);
  return sum;
}

TEST(Nuq, HasAsManyDistinctCentresAsAskedFor) {
  for (const int steps : {16, 32}) {
    for (int iterations = 0; iterations <= 5; ++iterations) {
      const auto centres = Nuq(MakeWeight(), steps, iterations).cluster;
      ASSERT_EQ(centres.size(), steps);
      for (size_t i = 1; i < centres.size(); ++i) EXPECT_LT(centres[i - 1], centres[i]);
      EXPECT_GE(centres.front(), -128);
      EXPECT_LE(centres.back(), 127);
    }
  }
}

TEST(Nuq, EveryIntegerGoesToItsNearestCentre) {
  const Tensor weight = MakeWeight();
  const WeightFactors factors = Nuq(weight, 16, 1);
  const auto before = Codes(weight, factors.params, {1});
  const auto after = Codes(MoveToCentres(weight, factors, {1}), factors.params, {1});
  for (size_t i = 0; i < before.size(); ++i) {
    int nearest = 1000;
    for (int32_t centre : factors.cluster)
      nearest = std::min(nearest, std::abs(before[i] - centre));
    EXPECT_THAT(factors.cluster, testing::Contains(after[i]));
    EXPECT_EQ(std::abs(before[i] - after[i]), nearest) << int{before[i]};
  }
}

TEST(Nuq, RoundsNeverRaiseTheErrorAndMoreCentresLowerIt) {
  const Tensor weight = MakeWeight();
  for (const int steps : {16, 32}) {
    double last = std::numeric_limits<double>::infinity();
    for (int iterations = 0; iterations <= 5; ++iterations) {
      const double error = ErrorOfCodes(weight, Nuq(weight, steps, iterations));
      EXPECT_LE(error, last) << steps << " centres, round " << iterations;
      last = error;
    }
  }
  EXPECT_LT(ErrorOfCodes(weight, Nuq(weight, 32, 1)), ErrorOfCodes(weight, Nuq(weight, 16, 1)) / 2);
}

TEST(Nuq, FewValuesStayWhatTheyAre) {
  const Tensor weight = Tensor::From<float>({3, 1}, {127, -2, 1});
  const WeightFactors factors = Nuq(weight, 16, 5);
  EXPECT_THAT(factors.cluster,
              ElementsAre(-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 127));
  EXPECT_EQ(ErrorOfCodes(weight, factors), 0);
}

TEST(MoveToCentres, TiesGoToTheLowerCentre) {
  const WeightFactors factors{{{.symmetric = true}, {0.5f}, {0}}, {-10, 0, 3, 10}};
  const Tensor weight = Tensor::Vector<float>({-60, -2.5f, -2, 0.5f, 1, 3.5f, 3, 60});
  EXPECT_THAT(ToFloats(MoveToCentres(weight, factors, {})),
              ElementsAre(-5, -5, 0, 0, 1.5f, 5, 1.5f, 5));
}

}  // namespace
}  // namespace adze
