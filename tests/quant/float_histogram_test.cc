#include "adze/float_histogram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "adze/error.h"
#include "quant/sift.h"

namespace adze {
namespace {

// Half zeros, like the output of a ReLU, if `relu`.
std::vector<float> Normal(int count, uint32_t seed, bool relu = false) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> values(count);
  for (float& value : values) value = relu ? std::max(0.0f, normal(random)) : normal(random);
  return values;
}

FloatHistogram Of(std::span<const float> values) {
  FloatHistogram histogram;
  histogram.Observe(values);
  return histogram;
}

TEST(FloatHistogram, IsTheSameWhateverBatchesOrderAndMerges) {
  for (const int count : {0, 1, 15, 2000, 2049, 100'000}) {
    std::vector<float> values = Normal(count, 1, true);
    const FloatHistogram whole = Of(values);

    FloatHistogram pieces;
    const std::span<const float> rest(values);
    for (size_t begin = 0, size = 1; begin < rest.size(); begin += size, size = size % 3001 + 7) {
      pieces.Observe(rest.subspan(begin, std::min(size, rest.size() - begin)));
    }
    EXPECT_EQ(pieces, whole) << count;

    for (const double part : {0.0, 0.01, 0.5, 1.0}) {
      const auto cut = static_cast<size_t>(part * count);
      FloatHistogram merged = Of(rest.first(cut));
      merged.Merge(Of(rest.subspan(cut)));
      EXPECT_EQ(merged, whole) << count << " cut at " << cut;
    }

    std::shuffle(values.begin(), values.end(), std::mt19937(2));
    EXPECT_EQ(Of(values), whole) << count;
  }
}

TEST(FloatHistogram, TellsDifferentDataApart) {
  std::vector<float> values = Normal(50'000, 1);
  const FloatHistogram before = Of(values);
  values[7] = std::nextafter(values[7], 10.0f);
  EXPECT_NE(Of(values), before);
}

TEST(FloatHistogram, BucketsHoldCountAndSumOfTheirValues) {
  const std::vector<float> values = Normal(200'000, 3);
  const FloatHistogram histogram = Of(values);
  EXPECT_EQ(histogram.count(), values.size());
  uint64_t total = 0;
  for (const FloatHistogram::Bucket& bucket : histogram.Buckets()) {
    uint64_t count = 0;
    double sum = 0;
    for (float value : values) {
      // A bucket of negative values holds its upper end instead of its lower one.
      const bool inside = bucket.low < 0 ? value > bucket.low && value <= bucket.high
                                         : value >= bucket.low && value < bucket.high;
      count += inside;
      sum += inside ? value : 0.0;
    }
    if (total > 40'000) break;  // enough buckets compared
    EXPECT_EQ(bucket.count, count) << bucket.low << ' ' << bucket.high;
    EXPECT_DOUBLE_EQ(bucket.sum, sum);
    EXPECT_LE(bucket.high - bucket.low, std::abs(bucket.low) / 256);
    total += count;
  }
}

TEST(FloatHistogram, FewDifferentValuesAreExact) {
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.insert(values.end(), {0.1f, -0.0f, 0.0f, 3.0f, -7.5f});
  const std::vector<FloatHistogram::Bucket> expected = {{-7.5, -7.5, 1000, -7500},
                                                        {0, 0, 2000, 0},
                                                        {0.1f, 0.1f, 1000, 0.1f * 1000.0},
                                                        {3, 3, 1000, 3000}};
  EXPECT_EQ(Of(values).Buckets(), expected);
}

TEST(FloatHistogram, KeepsTheLargestAndSmallestExactly) {
  std::vector<float> values = Normal(300'000, 4);
  const FloatHistogram histogram = Of(values);
  std::sort(values.begin(), values.end());
  const uint64_t n = values.size();
  for (const uint64_t k : {1, 2, 26, 1000, 1024}) {
    EXPECT_EQ(histogram.Largest(k), values[n - k]);
    EXPECT_EQ(histogram.Smallest(k), values[k - 1]);
  }
  // Deeper ranks are as exact as a bucket.
  for (const uint64_t k : {5'000, 100'000, 290'000}) {
    EXPECT_NEAR(histogram.Largest(k), values[n - k], std::abs(values[n - k]) / 256);
    EXPECT_NEAR(histogram.Smallest(k), values[k - 1], std::abs(values[k - 1]) / 256);
  }
  EXPECT_EQ(histogram.Smallest(n), histogram.Largest(1));
  EXPECT_THROW(histogram.Largest(n + 1), Error);
  EXPECT_THROW(histogram.Largest(0), Error);
}

TEST(FloatHistogram, CountsNanAndInf) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const int others : {0, 10, 10'000}) {
    std::vector<float> values = Normal(others, 5);
    values.insert(values.begin() + others / 2, {std::nanf(""), kInf, -kInf, -std::nanf("7")});
    const FloatHistogram histogram = Of(values);
    EXPECT_EQ(histogram.count_nonfinite(), 4) << others;
    EXPECT_EQ(histogram.count(), others);
    if (others == 0) continue;
    EXPECT_TRUE(std::isfinite(histogram.Largest(1)));
    EXPECT_TRUE(std::isfinite(histogram.Smallest(1)));
  }
}

TEST(FloatHistogram, TinyValuesCountAsZero) {
  const float least = std::ldexp(1.0f, -24);
  const std::vector<float> values = {std::nextafter(least, 0.0f), -1e-30f, 1e-45f, least, -least};
  const std::vector<FloatHistogram::Bucket> expected = {
      {-least, -least, 1, -least}, {0, 0, 3, 0}, {least, least, 1, least}};
  EXPECT_EQ(Of(values).Buckets(), expected);
}

TEST(FloatHistogram, TakesTheWholeRangeOfFloats) {
  std::vector<float> values;
  for (int exponent = -24; exponent < 128; ++exponent) {
    for (int i = 0; i < 20; ++i) {
      values.push_back(std::ldexp(1 + static_cast<float>(i) / 20, exponent));
      values.push_back(-values.back());
    }
  }
  const FloatHistogram histogram = Of(values);
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.Largest(1), *std::max_element(values.begin(), values.end()));
  const std::vector<FloatHistogram::Bucket> buckets = histogram.Buckets();
  for (size_t i = 0; i < buckets.size(); ++i) {
    EXPECT_EQ(buckets[i].sum, -buckets[buckets.size() - 1 - i].sum);
  }
}

TEST(FloatHistogram, ManyValuesInOneBucketDoNotOverflow) {
  // More than the 2^23 that a pending sum takes, with all low bits set.
  FloatHistogram histogram = Of(Normal(5000, 6));
  const float value = std::nextafter(-1024.0f, 0.0f);
  const std::vector<float> same(1 << 20, value);
  for (int i = 0; i < 20; ++i) histogram.Observe(same);
  const FloatHistogram::Bucket bucket = histogram.Buckets().front();
  EXPECT_EQ(bucket.count, 20u << 20);
  EXPECT_EQ(bucket.sum, static_cast<double>(value) * (20 << 20));
}

TEST(Sift, PartsWhatIsNotZeroAndWhatIsExtreme) {
  const std::vector<float> values = Normal(1999, 7, true);
  Sifted sifted;
  Sift(values, 0.5f, 3, &sifted);
  std::vector<uint32_t> nonzero;
  std::vector<float> above, below;
  for (float value : values) {
    if (value != 0) nonzero.push_back(std::bit_cast<uint32_t>(value));
    if (value > 3) above.push_back(value);
    if (value < 0.5f) below.push_back(value);
  }
  EXPECT_THAT(std::span(sifted.nonzero, sifted.num_nonzero), testing::ElementsAreArray(nonzero));
  EXPECT_THAT(std::span(sifted.above, sifted.num_above), testing::ElementsAreArray(above));
  EXPECT_THAT(std::span(sifted.below, sifted.num_below), testing::ElementsAreArray(below));
}

}  // namespace
}  // namespace adze
