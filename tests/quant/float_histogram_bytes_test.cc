#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "adze/error.h"
#include "adze/float_histogram.h"

namespace adze {
namespace {

std::vector<float> Normal(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.5f, 2);
  std::vector<float> values(count);
  for (float& value : values) value = std::min(6.0f, normal(random));
  return values;
}

FloatHistogram Of(std::span<const float> values) {
  FloatHistogram histogram;
  histogram.Observe(values);
  return histogram;
}

std::string BytesOf(const FloatHistogram& histogram) {
  std::string bytes;
  histogram.Serialize(&bytes);
  return bytes;
}

FloatHistogram FromBytes(std::string_view bytes) { return FloatHistogram::Deserialize(&bytes); }

TEST(FloatHistogramBytes, GiveTheSameContentBack) {
  std::vector<std::vector<float>> cases = {{}, {0, 0, -0.0f}, {1}, {-3, 2, 2, 1e-30f}};
  for (const int count : {1000, 3000, 100'000}) cases.push_back(Normal(count, count));
  cases.push_back(Normal(5000, 1));
  cases.back()[70] = std::numeric_limits<float>::infinity();
  cases.back()[4999] = std::nanf("");
  std::string bytes = "before";
  for (const auto& values : cases) Of(values).Serialize(&bytes);
  bytes += "after";
  std::string_view rest(bytes);
  rest.remove_prefix(6);
  for (const auto& values : cases) {
    const FloatHistogram back = FloatHistogram::Deserialize(&rest);
    const FloatHistogram whole = Of(values);
    EXPECT_EQ(back, whole) << values.size();
    EXPECT_EQ(back.count_nonfinite(), whole.count_nonfinite());
    EXPECT_EQ(BytesOf(back), BytesOf(whole));
  }
  EXPECT_EQ(rest, "after");
}

TEST(FloatHistogramBytes, AreTheSameForTheSameValues) {
  for (const int count : {1500, 60'000}) {
    std::vector<float> values = Normal(count, 9);
    values[3] = -std::numeric_limits<float>::infinity();
    const std::string bytes = BytesOf(Of(values));
    std::shuffle(values.begin(), values.end(), std::mt19937(3));
    EXPECT_EQ(BytesOf(Of(values)), bytes);
    const std::span<const float> all(values);
    FloatHistogram merged = FromBytes(BytesOf(Of(all.subspan(count / 3))));
    merged.Merge(FromBytes(BytesOf(Of(all.first(count / 3)))));
    EXPECT_EQ(BytesOf(merged), bytes);
    // And it goes on where it stood.
    FloatHistogram resumed = FromBytes(BytesOf(Of(all.first(count / 2))));
    resumed.Observe(all.subspan(count / 2));
    EXPECT_EQ(BytesOf(resumed), bytes);
  }
}

TEST(FloatHistogramBytes, AreFew) {
  EXPECT_LT(BytesOf(Of(std::vector<float>(1'000'000, 0.0f))).size(), 32u);
  EXPECT_LT(BytesOf(Of(Normal(1'000'000, 2))).size(), 64u << 10);
}

void ExpectBadFile(std::string_view bytes, const std::string& what) {
  try {
    const FloatHistogram histogram = FromBytes(bytes);
    ADD_FAILURE() << what << " is read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadFile) << what << ": " << error.what();
  }
}

TEST(FloatHistogramBytes, ThatAreCutShortAreRefused) {
  for (const int count : {3, 1000, 5000}) {
    const std::string bytes = BytesOf(Of(Normal(count, 4)));
    for (size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
      ExpectBadFile(std::string_view(bytes).substr(0, size), std::to_string(size) + " bytes");
    }
  }
}

TEST(FloatHistogramBytes, ThatAreDamagedAreRefusedOrAreAnotherHistogram) {
  std::mt19937 random(5);
  for (const int count : {200, 5000}) {
    const std::string bytes = BytesOf(Of(Normal(count, 4)));
    int refused = 0;
    for (int i = 0; i < 2000; ++i) {
      std::string damaged = bytes;
      damaged[random() % std::min<size_t>(damaged.size(), 3000)] ^= 1 << random() % 8;
      try {
        FloatHistogram other = FromBytes(damaged);
        // What is accepted has one form, and can be used.
        std::string_view rest(damaged);
        FloatHistogram::Deserialize(&rest);
        EXPECT_EQ(BytesOf(other), damaged.substr(0, damaged.size() - rest.size()));
        EXPECT_NO_THROW(other.Merge(Of(Normal(5000, 6))));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kBadFile) << error.what();
        ++refused;
      }
    }
    EXPECT_GT(refused, 100);
  }
}

TEST(FloatHistogramBytes, WithCountsThatOverflowAreRefused) {
  std::string bytes(9, '\xff');
  ExpectBadFile(bytes + "\x01" + std::string(8, '\0'), "2^64 - 1 zeros");
  ExpectBadFile(bytes + "\x7f" + std::string(8, '\0'), "2^70 zeros");
  ExpectBadFile(std::string("\x80\0", 2) + std::string(8, '\0'), "a longer form of 0");
  ExpectBadFile(std::string(6, '\0'), "no bucket");
  EXPECT_EQ(FromBytes(std::string("\0\0\0\0\1\0", 6)).count(), 0);
}

}  // namespace
}  // namespace adze
