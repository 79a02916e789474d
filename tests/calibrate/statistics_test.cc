#include "adze/statistics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "adze/error.h"

namespace adze {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> Random(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

Statistics Make(unsigned seed, SampleRange samples) {
  Statistics statistics;
  statistics.taps.resize(1);
  statistics.taps[0].tensor = "x";
  const std::vector<float> values = Random(1000, seed);
  statistics.taps[0].histogram.Observe(values);
  statistics.taps[0].channels.Observe(values, 10);
  statistics.samples = {samples};
  return statistics;
}

std::string Refusal(Statistics a, const Statistics& b) {
  try {
    a.Merge(b);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Statistics, MergeInAnyOrderIsTheSame) {
  Statistics forward = Make(0, {"a", 0, 10}), backward = Make(2, {"a", 20, 30});
  forward.Merge(Make(1, {"a", 10, 20}));
  forward.Merge(Make(2, {"a", 20, 30}));
  backward.Merge(Make(0, {"a", 0, 10}));
  EXPECT_THAT(backward.samples, ElementsAre(SampleRange{"a", 0, 10}, SampleRange{"a", 20, 30}));
  backward.Merge(Make(1, {"a", 10, 20}));
  EXPECT_THAT(backward.samples, ElementsAre(SampleRange{"a", 0, 30}));
  EXPECT_EQ(backward.samples, forward.samples);
  EXPECT_EQ(backward.num_samples(), 30);
  EXPECT_TRUE(backward.taps[0].histogram == forward.taps[0].histogram);
  EXPECT_EQ(backward.taps[0].channels, forward.taps[0].channels);
}

TEST(Statistics, SamplesThatWereSeenTwiceAreRefused) {
  EXPECT_THAT(Refusal(Make(0, {"a", 0, 10}), Make(1, {"a", 4, 20})),
              HasSubstr("would count samples 4 to 9 of 'a' twice"));
  EXPECT_EQ(Refusal(Make(0, {"a", 0, 10}), Make(1, {"b", 4, 20})), "accepted");
}

TEST(Statistics, OtherTensorsAreRefused) {
  Statistics other = Make(1, {"a", 10, 20});
  other.taps[0].tensor = "y";
  EXPECT_THAT(Refusal(Make(0, {"a", 0, 10}), other), HasSubstr("is of other tensors"));
}

TEST(ChannelStatistics, AreMaximumAndMeanOfEachChannel) {
  ChannelStatistics channels;
  channels.Observe(std::vector<float>{1, -2, 3, 0.5f}, 2);
  channels.Observe(std::vector<float>{-7, 0.25f}, 2);
  EXPECT_THAT(channels.max_abs, ElementsAre(7, 2));
  EXPECT_EQ(channels.Mean(0), -1);
  EXPECT_EQ(channels.Mean(1), -1.25 / 3);
}

TEST(ChannelStatistics, LargeAndTinySumsAddUpInAnyOrder) {
  const std::vector<double> values = {1e30, 3e-12, -1e30, 1e-9, -0x1p-40, 12345.678};
  ChannelStatistics::FixedSum forward, backward;
  for (size_t i = 0; i < values.size(); ++i) {
    forward.Add(values[i]);
    backward.Add(values[values.size() - 1 - i]);
  }
  EXPECT_EQ(forward, backward);
  EXPECT_NEAR(forward.value(), 12345.678 + 1e-9, 1e-11);
}

}  // namespace
}  // namespace adze
