#include "adze/float_histogram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <tuple>
#include <utility>

#include "adze/error.h"
#include "quant/float_scatter.h"
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
  for (const int count : {0, 1, 15, 1024, 2000, 2100, 100'000}) {
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

TEST(FloatHistogram, HasEvenBucketsBelowTheFineOnes) {
  // Ever larger magnitudes: 300 to each octave.
  std::vector<float> values;
  for (int i = 0; i < 20 * 300; ++i) {
    values.push_back(std::exp2(static_cast<float>(i) / 300 - 12) * (i % 2 ? 1.0f : -1.0f));
  }
  for (const FloatHistogram::Bucket& bucket : Of(values).Buckets()) {
    const double near = std::min(std::abs(bucket.low), std::abs(bucket.high));
    const int exponent = std::ilogb(near);
    EXPECT_EQ(bucket.high - bucket.low, std::ldexp(1.0, exponent >= 0    ? exponent - 9
                                                        : exponent >= -5 ? -9
                                                                         : exponent - 4))
        << bucket.low;
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
  // More than a packed word takes, with all low bits set.
  FloatHistogram histogram = Of(Normal(5000, 6));
  const float value = std::nextafter(-1024.0f, 0.0f);
  const std::vector<float> same(1 << 20, value);
  for (int i = 0; i < 20; ++i) histogram.Observe(same);
  const FloatHistogram::Bucket bucket = histogram.Buckets().front();
  EXPECT_EQ(bucket.count, 20u << 20);
  EXPECT_EQ(bucket.sum, static_cast<double>(value) * (20 << 20));
}

std::vector<Simd> SimdsHere() {
  std::vector<Simd> simds;
  for (const Simd simd : {Simd::kNone, Simd::kAvx2, Simd::kAvx512}) {
    if (simd <= BestSimd()) simds.push_back(simd);
  }
  return simds;
}

TEST(Sift, FindsTheRangeAndWhatIsNotZeroWithAnyInstructions) {
  for (const int count : {3, 7, 8, 37, 1000, 1024}) {
    std::vector<float> values = Normal(count, 7, true);
    values[count / 2] = -1.5f;
    values[count / 3] = -1e-30f;
    std::vector<uint32_t> nonzero;
    for (float value : values) {
      if (std::abs(value) > 1e-10f) nonzero.push_back(std::bit_cast<uint32_t>(value));
    }
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    for (const Simd simd : SimdsHere()) {
      SCOPED_TRACE(testing::Message()
                   << count << " values, instructions " << static_cast<int>(simd));
      Sifted sifted;
      Sift(values, &sifted, simd);
      EXPECT_THAT(std::span(sifted.nonzero, sifted.num_nonzero),
                  testing::ElementsAreArray(nonzero));
      EXPECT_EQ(sifted.least, *least);
      EXPECT_EQ(sifted.most, *most);
      EXPECT_EQ(std::bit_cast<float>(sifted.most_magnitude), std::max(-*least, *most));
      uint32_t least_magnitude = UINT32_MAX;
      for (uint32_t bits : nonzero) least_magnitude = std::min(least_magnitude, bits & 0x7fffffff);
      EXPECT_EQ(sifted.least_magnitude, least_magnitude);
      const float last = std::exchange(values[count - 1], -std::numeric_limits<float>::infinity());
      Sift(values, &sifted, simd);
      EXPECT_EQ(sifted.most_magnitude, kInfinityBits);
      values[count - 1] = last;
    }
  }
}

TEST(SelectBeyond, FindsTheSameWithAnyInstructions) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const int count : {0, 3, 16, 37, 1000}) {
    std::vector<float> values = Normal(count, 10);
    if (count > 3) values[1] = kInf, values[2] = -kInf, values[3] = std::nanf("");
    for (const float sign : {1.0f, -1.0f}) {
      std::vector<float> expected;
      for (float value : values) {
        if (sign * value > 1.5f && std::isfinite(value)) expected.push_back(sign * value);
      }
      for (const Simd simd : SimdsHere()) {
        std::vector<float> found(count + kSelectRoom);
        found.resize(SelectBeyond(values, sign, 1.5f, found.data(), simd));
        EXPECT_EQ(found, expected) << count << ", instructions " << static_cast<int>(simd);
      }
    }
  }
}

// Both signs, all exponents.
std::vector<float> WidelySpread(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const auto magnitude =
        static_cast<uint32_t>(kLeastBits + random() % (kInfinityBits - kLeastBits));
    value = std::bit_cast<float>(magnitude | (static_cast<uint32_t>(random()) & 0x80000000u));
  }
  return values;
}

TEST(FloatScatter, FillsTheBucketsThatAPlainCountFills) {
  const std::vector<float> values = WidelySpread(20'000, 8);
  std::vector<uint32_t> bits;
  for (float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  std::sort(bits.begin(), bits.end(),
            [](uint32_t a, uint32_t b) { return (a & 0x7fffffff) < (b & 0x7fffffff); });
  FloatBuckets buckets, one_by_one;
  {
    FloatScatter scatter(&buckets);
    for (size_t i = 0; i < bits.size(); i += 500) {
      std::vector<float> block;
      for (size_t j = i; j < i + 500; ++j) block.push_back(std::bit_cast<float>(bits[j]));
      Sifted sifted;
      Sift(block, &sifted);
      // As ascending magnitudes come, the table is emptied now and then.
      scatter.Add(std::span<const uint32_t>(sifted.nonzero, sifted.num_nonzero), sifted);
      if (i % 2000 == 0) scatter.Flush();
    }
  }
  for (uint32_t b : bits) one_by_one.Add(b, 1);
  using Entry = std::tuple<bool, uint32_t, int, uint64_t, uint64_t>;
  const auto entries = [](const FloatBuckets& of) {
    std::vector<Entry> found;
    of.ForEach([&](bool negative, FloatBuckets::Bounds bounds, FloatBuckets::Count count) {
      found.emplace_back(negative, bounds.first, bounds.shift, count.count, count.low_sum);
    });
    return found;
  };
  EXPECT_EQ(entries(buckets), entries(one_by_one));
}

TEST(FloatHistogram, IsTheSameInAnyOrderAndSmallOverAllExponents) {
  std::vector<float> values = WidelySpread(60'000, 9);
  std::sort(values.begin(), values.end(),
            [](float a, float b) { return std::abs(a) < std::abs(b); });
  const FloatHistogram ascending = Of(values);
  std::reverse(values.begin(), values.end());
  EXPECT_EQ(Of(values), ascending);
  std::shuffle(values.begin(), values.end(), std::mt19937(1));
  FloatHistogram shuffled = Of(values);
  EXPECT_EQ(shuffled, ascending);
  const std::span<const float> all(values);
  FloatHistogram merged = Of(all.first(20'000));
  merged.Merge(Of(all.subspan(20'000)));
  EXPECT_EQ(merged, ascending);
  // More than fits the packed counts.
  for (int i = 0; i < 70; ++i) shuffled.Observe(values);
  EXPECT_EQ(shuffled.count(), 71u * 60'000);
  EXPECT_LE(shuffled.Bytes(), FloatHistogram::kMostBytes);
  double sum = 0, exact = 0;
  for (const FloatHistogram::Bucket& bucket : shuffled.Buckets()) sum += bucket.sum;
  for (float value : values) exact += 71.0 * value;
  EXPECT_NEAR(sum / exact, 1, 1e-9);
}

}  // namespace
}  // namespace adze
