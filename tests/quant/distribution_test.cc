#include "quant/distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "raw_values.h"

namespace adze {
namespace {

TEST(Distribution, CountsBelowAnyPointThroughBucketsOfAllWidths) {
  std::mt19937 random(6);
  std::uniform_real_distribution<float> exponent(-14, 6);
  std::vector<float> values(200'000);
  for (float& value : values) value = std::exp2(exponent(random)) * (random() % 3 ? 1.0f : -1.0f);
  const Distribution distribution(HistogramOf(values));
  std::sort(values.begin(), values.end());
  for (int i = 0; i < 2000; ++i) {
    const float point = std::exp2(exponent(random)) * (random() % 2 ? 1.0f : -1.0f);
    const auto end = std::lower_bound(values.begin(), values.end(), point);
    const auto below = static_cast<double>(end - values.begin());
    // The fullest bucket holds 580.
    EXPECT_NEAR(distribution.Below(point).count, below, 60) << point;
  }
}

}  // namespace
}  // namespace adze
