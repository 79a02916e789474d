// HFMG against hfmg_literal.h.
#include <gmock/gmock.h>

#include <numeric>

#include "hfmg_literal.h"
#include "quant/calibrators/support/equal_bins.h"
#include "quant/calibrators/support/hfmg_search.h"
#include "raw_values.h"

namespace adze {
namespace {

std::vector<std::vector<float>> DataSets(int count) {
  return {DrawNormal(count, 0.3f, 1, false), DrawNormal(count, 0, 1, true), DrawHeavy(count, false),
          DrawHeavy(count, true)};
}

TEST(Hfmg, CandidatesLossesAndChoiceAreThoseOfTheDescription) {
  for (const int num_bits : {4, 8}) {
    for (const std::vector<float>& values : DataSets(200'000)) {
      const HfmgLiteral literal = HfmgLiteralOf(values, 1024, num_bits);
      const std::vector<BinRange> candidates = HfmgCandidates(literal.bins);
      ASSERT_EQ(candidates, literal.Candidates());
      const HfmgLoss loss(literal.bins, 1 << num_bits);
      // In bins instead of the data's unit: length^2 each.
      const double unit = literal.width() * literal.width();
      for (const BinRange& candidate : candidates) {
        const double expected = literal.Loss(candidate);
        EXPECT_NEAR(loss.Of(candidate) * unit, expected, 1e-9 * expected);
        const auto [low, high] = loss.BoundsOf(candidate);
        EXPECT_LE(low, loss.Of(candidate));
        EXPECT_GE(high, loss.Of(candidate));
      }
      EXPECT_EQ(LeastHfmgLoss(literal.bins, 1 << num_bits), literal.Best());
    }
  }
}

TEST(Hfmg, ChoosesAsDescribedAtSixteenBitsToo) {
  for (const std::vector<float>& values : DataSets(20'000)) {
    const HfmgLiteral literal = HfmgLiteralOf(values, 1024, 16);
    const HfmgLoss loss(literal.bins, 1 << 16);
    for (const BinRange& candidate : HfmgCandidates(literal.bins)) {
      const auto [low, high] = loss.BoundsOf(candidate);
      EXPECT_LE(low, loss.Of(candidate));
      EXPECT_GE(high, loss.Of(candidate));
    }
    EXPECT_EQ(LeastHfmgLoss(literal.bins, 1 << 16), literal.Best());
  }
}

TEST(Hfmg, IsExactWhereValuesAreCounted) {
  // 8-bit pixels: 256 different values, all counted one by one.
  std::mt19937 random(4);
  std::vector<float> values(50'000);
  for (float& value : values) {
    value = static_cast<float>((random() & 255) * (random() & 255) / 255) / 127.5f - 1;
  }
  for (const int num_bins : {1024, 8192}) {
    for (const bool asymmetric : {true, false}) {
      const QuantParams found = CalibrateValues(
          HistogramOf(values), {.algorithm = "hfmg",
                                .asymmetric = asymmetric,
                                .parameters = {{"num_of_bins", static_cast<double>(num_bins)}}});
      EXPECT_EQ(found, HfmgLiteralOf(values, num_bins, 8).Params(!asymmetric)) << num_bins;
    }
  }
}

TEST(EqualBins, AreThoseOfTheRawDataUpToTheBuckets) {
  for (const std::vector<float>& values : DataSets(1'000'000)) {
    const auto [min, max] = std::minmax_element(values.begin(), values.end());
    const Distribution distribution(HistogramOf(values));
    const std::vector<uint64_t> raw = RawBins(values, *min, *max, 4096);
    const std::vector<uint64_t> bins = EqualBins(distribution, *min, *max, 4096);
    EXPECT_EQ(std::accumulate(bins.begin(), bins.end(), uint64_t{0}), values.size());
    double moved = 0, below = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
      below += static_cast<double>(bins[i]) - static_cast<double>(raw[i]);
      moved = std::max(moved, std::fabs(below));
    }
    // Of a million values at most this many are on the wrong side of an edge.
    EXPECT_LT(moved, 100);
  }
}

TEST(EqualBins, OfAbsoluteValues) {
  const std::vector<float> values = {-4, -1, 0, 0.5f, 3.9f, 4};
  EXPECT_THAT(EqualBinsOfAbsolute(Distribution(HistogramOf(values)), 4, 4),
              testing::ElementsAre(2, 1, 0, 3));
}

TEST(Hfmg, OfTwoValuesAndOfOne) {
  const QuantParams two = Calibrated("hfmg", std::vector<float>{-1, 3});
  EXPECT_EQ(two, HfmgLiteralOf({-1, 3}, 4096, 8).Params(false));
  EXPECT_EQ(Calibrated("hfmg", std::vector<float>{2}), ParamsFromRange(0, 2, {}));
}

}  // namespace
}  // namespace adze
