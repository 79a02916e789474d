#include "tune/round_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace adze {
namespace {

// E[x xᵀ] of rows that are mixtures of a few patterns, as the channels of a layer are.
std::vector<float> Moments(int64_t inputs, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  constexpr int64_t kPatterns = 12;
  std::vector<float> patterns(kPatterns * inputs);
  for (float& x : patterns) x = normal(random);
  const int64_t rows = 4 * inputs;
  std::vector<float> moments(inputs * inputs), row(inputs);
  for (int64_t r = 0; r < rows; ++r) {
    for (float& x : row) x = 0.3f * normal(random);
    for (int64_t p = 0; p < kPatterns; ++p) {
      const float share = normal(random);
      for (int64_t a = 0; a < inputs; ++a) row[a] += share * patterns[p * inputs + a];
    }
    for (int64_t a = 0; a < inputs; ++a) {
      for (int64_t b = 0; b < inputs; ++b) {
        moments[a * inputs + b] += row[a] * row[b] / static_cast<float>(rows);
      }
    }
  }
  return moments;
}

std::vector<float> RandomWeights(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> weight(size);
  for (float& w : weight) w = uniform(random);
  return weight;
}

// E[(x (w - v))^2] of one output.
double Error(const std::vector<float>& moments, const std::vector<float>& w,
             const std::vector<float>& v, int64_t inputs, int64_t outputs, int64_t o) {
  double error = 0;
  for (int64_t a = 0; a < inputs; ++a) {
    for (int64_t b = 0; b < inputs; ++b) {
      error += (double{w[a * outputs + o]} - v[a * outputs + o]) * moments[a * inputs + b] *
               (double{w[b * outputs + o]} - v[b * outputs + o]);
    }
  }
  return error;
}

std::vector<float> Nearest(std::vector<float> weight, const WeightGrid& grid) {
  const auto outputs = static_cast<int64_t>(grid.scale.size());
  const auto highest = static_cast<float>((1 << (grid.num_bits - 1)) - 1);
  for (size_t i = 0; i < weight.size(); ++i) {
    const float scale = grid.scale[i % outputs];
    weight[i] = std::clamp(std::nearbyint(weight[i] / scale), -highest - 1, highest) * scale;
  }
  return weight;
}

TEST(RoundWeights, HalvesTheErrorOfTheNearestIntegers) {
  // More inputs than a block of the factorization, and not a multiple of it.
  constexpr int64_t kInputs = 150, kOutputs = 7;
  const std::vector<float> moments = Moments(kInputs, 1);
  for (int bits : {4, 8}) {
    WeightGrid grid{std::vector<float>(kOutputs, 1.0f / (1 << (bits - 1))), bits};
    const std::vector<float> weight = RandomWeights(kInputs * kOutputs, 2);
    std::vector<float> rounded = weight;
    RoundWeights(moments, {}, kInputs, rounded, &grid);
    const std::vector<float> nearest = Nearest(weight, grid);
    for (int64_t o = 0; o < kOutputs; ++o) {
      EXPECT_LT(Error(moments, weight, rounded, kInputs, kOutputs, o),
                0.5 * Error(moments, weight, nearest, kInputs, kOutputs, o))
          << "output " << o << " with " << bits << " bits";
    }
  }
}

TEST(RoundWeights, GivesMultiplesOfTheScaleInRange) {
  constexpr int64_t kInputs = 70, kOutputs = 3;
  WeightGrid grid{{0.11f, 0.007f, 0.3f}, 4};
  std::vector<float> rounded = RandomWeights(kInputs * kOutputs, 3);
  RoundWeights(Moments(kInputs, 4), {}, kInputs, rounded, &grid);
  EXPECT_EQ(rounded, Nearest(rounded, grid));
}

TEST(RoundWeights, UncorrelatedInputsGoToTheNearest) {
  constexpr int64_t kInputs = 65, kOutputs = 2;
  std::vector<float> moments(kInputs * kInputs);
  for (int64_t i = 0; i < kInputs; ++i) moments[i * kInputs + i] = static_cast<float>(i % 3);
  WeightGrid grid{{0.1f, 0.2f}, 8};
  const std::vector<float> weight = RandomWeights(kInputs * kOutputs, 5);
  std::vector<float> rounded = weight;
  RoundWeights(moments, {}, kInputs, rounded, &grid);
  EXPECT_EQ(rounded, Nearest(weight, grid));
}

TEST(RoundWeights, SweepsDoNotRaiseTheError) {
  constexpr int64_t kInputs = 40, kOutputs = 5;
  const std::vector<float> moments = Moments(kInputs, 6);
  WeightGrid grid{std::vector<float>(kOutputs, 0.2f), 4};
  const std::vector<float> weight = RandomWeights(kInputs * kOutputs, 7);
  std::vector<float> once = weight, swept = weight;
  RoundWeights(moments, {.damping = 0, .sweeps = 0}, kInputs, once, &grid);
  RoundWeights(moments, {.damping = 0, .sweeps = 3}, kInputs, swept, &grid);
  for (int64_t o = 0; o < kOutputs; ++o) {
    EXPECT_LE(Error(moments, weight, swept, kInputs, kOutputs, o),
              Error(moments, weight, once, kInputs, kOutputs, o) * (1 + 1e-4));
  }
}

TEST(RoundWeights, RefitsLowerTheErrorAndMoveTheScales) {
  constexpr int64_t kInputs = 90, kOutputs = 6;
  const std::vector<float> moments = Moments(kInputs, 8);
  const std::vector<float> weight = RandomWeights(kInputs * kOutputs, 9);
  WeightGrid grid{std::vector<float>(kOutputs, 0.17f), 4}, fitted = grid;
  std::vector<float> before = weight, after = weight;
  RoundWeights(moments, {}, kInputs, before, &grid);
  RoundWeights(moments, {.refits = 2}, kInputs, after, &fitted);
  EXPECT_EQ(after, Nearest(after, fitted));
  double sum_before = 0, sum_after = 0;
  for (int64_t o = 0; o < kOutputs; ++o) {
    EXPECT_NE(fitted.scale[o], grid.scale[o]);
    EXPECT_NEAR(fitted.scale[o], grid.scale[o], 0.2 * grid.scale[o]);
    sum_before += Error(moments, weight, before, kInputs, kOutputs, o);
    sum_after += Error(moments, weight, after, kInputs, kOutputs, o);
  }
  EXPECT_LT(sum_after, sum_before);
}

TEST(RoundWeights, DataOfZerosIsNoTrouble) {
  WeightGrid grid{{0.5f}, 8};
  std::vector<float> rounded = {0.7f, -0.3f, 0.1f};
  RoundWeights(std::vector<float>(9), {}, 3, rounded, &grid);
  EXPECT_EQ(rounded, (std::vector<float>{0.5f, -0.5f, 0}));
}

}  // namespace
}  // namespace adze
