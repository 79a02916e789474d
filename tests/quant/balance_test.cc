#include "adze/balance.h"

#include <gmock/gmock.h>

#include <cmath>

#include "adze/error.h"
#include "adze/weight_channels.h"

namespace adze {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

std::string Refusal(std::vector<float> data, std::vector<float> weight, double strength = 0.5) {
  try {
    BalanceFactors(data, weight, strength);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(BalanceFactors, AreDataToTheStrengthOverWeightToTheRest) {
  EXPECT_THAT(BalanceFactors(std::vector<float>{16, 1, 4}, std::vector<float>{1, 0.25f, 4}, 0.5),
              ElementsAre(4, 2, 1));
  EXPECT_THAT(BalanceFactors(std::vector<float>{32}, std::vector<float>{1.f / 16}, 0.2),
              ElementsAre(FloatEq(2 * std::pow(16.f, 0.8f))));
  EXPECT_THAT(BalanceFactors(std::vector<float>{32}, std::vector<float>{1.f / 16}, 0.8),
              ElementsAre(FloatEq(16 * std::pow(16.f, 0.2f))));
}

TEST(BalanceFactors, AtOneHalfDataAndWeightsGetTheSameRange) {
  const std::vector<float> data = {3, 0.1f, 7}, weight = {0.2f, 5, 0.01f};
  const std::vector<float> factors = BalanceFactors(data, weight, 0.5);
  for (size_t c = 0; c < data.size(); ++c) {
    EXPECT_FLOAT_EQ(data[c] / factors[c], weight[c] * factors[c]);
  }
}

TEST(BalanceFactors, AreOneWhereThereIsNoDataOrNoWeightAtAll) {
  EXPECT_THAT(BalanceFactors(std::vector<float>{1e-7f, 0}, std::vector<float>{3, 2}, 0.5), Each(1));
  EXPECT_THAT(BalanceFactors(std::vector<float>{3, 2}, std::vector<float>{0, 1e-7f}, 0.5), Each(1));
}

// Regular channels: f = 4 (v f = 4, a / f = 4) and f = 2 (v f = 4.5, a / f = 4.5).
TEST(BalanceFactors, ChannelsWithoutDataOrWeightsGetWhatTheOthersAllow) {
  const std::vector<float> data = {16, 9, 0, 0, 8}, weight = {1, 2.25f, 0, 0.5f, 0};
  EXPECT_THAT(BalanceFactors(data, weight, 0.5), ElementsAre(4, 2, 1, 4.5f / 0.5f, 8 / 4.5f));
}

TEST(BalanceFactors, RefusesStrengthsAndFactorsOutOfRange) {
  EXPECT_THAT(Refusal({1}, {1}, 0.19), HasSubstr("[0.2, 0.8]"));
  EXPECT_THAT(Refusal({1}, {1}, 0.81), HasSubstr("[0.2, 0.8]"));
  EXPECT_EQ(Refusal({1}, {1}, 0.2), "accepted");
  EXPECT_EQ(Refusal({1}, {1}, 0.8), "accepted");
  EXPECT_THAT(Refusal({1, 1e12f}, {1, 1e-6f}, 0.8), AllOf(HasSubstr("factor of input channel 1"),
                                                          HasSubstr("leave its dmq_balancer out")));
  EXPECT_THAT(Refusal({1, 1e-6f}, {1, 1e12f}, 0.2), HasSubstr("channel 1"));
}

TEST(WeightChannels, InputChannelsOfEachLayout) {
  // Conv2D [1, 1, I = 2, O = 3].
  const Tensor conv = Tensor::From<float>({1, 1, 2, 3}, {1, -2, 3, 4, 5, -6});
  EXPECT_THAT(LargestOfInputChannels(conv, {{3}, {2}}, 2), ElementsAre(3, 6));
  EXPECT_THAT(LargestOfOutputChannels(conv, {{3}, {2}}), ElementsAre(4, 5, 6));
  EXPECT_THAT(ToFloats(ScaleInputChannels(conv, {{3}, {2}}, std::vector<float>{2, 10})),
              ElementsAre(2, -4, 6, 40, 50, -60));
  EXPECT_THAT(ToFloats(ScaleOutputChannels(conv, {{3}, {2}}, std::vector<float>{1, 2, 3})),
              ElementsAre(1, -4, 9, 4, 10, -18));
  // Depthwise [1, 1, C = 2, M = 3]: arranged by the data's channel.
  EXPECT_THAT(LargestOfInputChannels(conv, {{2, 3}, {2}}, 2), ElementsAre(3, 6));
  EXPECT_THAT(LargestOfOutputChannels(conv, {{2, 3}, {2}}), ElementsAre(1, 2, 3, 4, 5, 6));
  // Conv2DBackpropInput [1, 1, O = 2, I = 3].
  EXPECT_THAT(LargestOfInputChannels(conv, {{2}, {3}}, 3), ElementsAre(4, 5, 6));
  EXPECT_THAT(ToFloats(ScaleInputChannels(conv, {{2}, {3}}, std::vector<float>{1, 2, 3})),
              ElementsAre(1, -4, 9, 4, 10, -18));
}

// 4 channels in 2 groups, [1, 1, 2, 6]: outputs 0..2 read channels 0 and 1, outputs 3..5 the
// others.
TEST(WeightChannels, GroupsReadChannelsOfTheirOwn) {
  const Tensor weight =
      Tensor::From<float>({1, 1, 2, 6}, {1, 2, 3, 4, 5, 6, -7, 8, 9, 10, 11, -12});
  EXPECT_THAT(LargestOfInputChannels(weight, {{3}, {2}}, 4), ElementsAre(3, 9, 6, 12));
  EXPECT_THAT(ToFloats(ScaleInputChannels(weight, {{3}, {2}}, std::vector<float>{1, 2, 3, 4})),
              ElementsAre(1, 2, 3, 12, 15, 18, -14, 16, 18, 40, 44, -48));
  EXPECT_THROW(LargestOfInputChannels(weight, {{3}, {2}}, 3), Error);
  EXPECT_THROW(LargestOfInputChannels(weight, {{3}, {2}}, 1), Error);
}

}  // namespace
}  // namespace adze
