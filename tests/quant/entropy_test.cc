// Entropy calibration against the slow way that NVIDIA's pytorch-quantization describes.
#include <gmock/gmock.h>

#include <limits>
#include <numeric>

#include "quant/calibrators/support/divergence.h"
#include "raw_values.h"

namespace adze {
namespace {

// For each n the merged distribution is built bin by bin.
std::vector<double> SlowDivergences(std::vector<uint64_t> bins, int levels) {
  bins[0] = bins[1];
  std::vector<double> result;
  for (size_t n = 128; n <= bins.size(); ++n) {
    std::vector<double> merged(levels), filled(levels);
    const auto level = [&](size_t i) { return i * levels / n; };
    for (size_t i = 0; i < n; ++i) {
      if (bins[i] == 0) continue;
      merged[level(i)] += static_cast<double>(bins[i]);
      filled[level(i)] += 1;
    }
    std::vector<double> p(n), q(n);
    for (size_t i = 0; i < n; ++i) {
      p[i] = static_cast<double>(bins[i]);
      if (bins[i] != 0) q[i] = merged[level(i)] / filled[level(i)];
    }
    for (size_t i = n; i < bins.size(); ++i) p[n - 1] += static_cast<double>(bins[i]);
    const double sum_p = std::accumulate(p.begin(), p.end(), 0.0);
    const double sum_q = std::accumulate(q.begin(), q.end(), 0.0);
    double divergence = sum_q == 0 ? std::numeric_limits<double>::infinity() : 0;
    for (size_t i = 0; i < n && sum_q > 0; ++i) {
      if (p[i] > 0 && q[i] == 0) divergence = std::numeric_limits<double>::infinity();
      if (p[i] > 0 && q[i] > 0) {
        divergence += p[i] / sum_p * std::log(p[i] / sum_p / (q[i] / sum_q));
      }
    }
    result.push_back(divergence);
  }
  return result;
}

TEST(Divergences, AreThoseBuiltBinByBin) {
  for (const int levels : {8, 128, 256, 32768}) {
    for (const bool relu : {false, true}) {
      for (const std::vector<float>& values :
           {DrawNormal(20'000, 0, 1, relu), DrawHeavy(20'000, relu)}) {
        std::vector<float> magnitudes = values;
        for (float& value : magnitudes) value = std::fabs(value);
        const std::vector<uint64_t> bins =
            RawBins(magnitudes, 0, *std::max_element(magnitudes.begin(), magnitudes.end()), 1024);
        const std::vector<double> slow = SlowDivergences(bins, levels);
        const std::vector<double> fast = Divergences(bins, levels);
        ASSERT_EQ(fast.size(), slow.size());
        for (size_t i = 0; i < slow.size(); ++i) {
          if (std::isinf(slow[i])) {
            EXPECT_EQ(fast[i], slow[i]) << i;
          } else {
            EXPECT_NEAR(fast[i], slow[i], 1e-11) << i;
          }
        }
      }
    }
  }
}

TEST(Entropy, ClipsOutliersOfADenseDistribution) {
  std::vector<float> values = DrawNormal(200'000, 0, 1, false);
  values[0] = 60;
  const QuantParams params = Calibrated("entropy", values, false);
  const float clip = params.scale[0] * 127;
  EXPECT_GT(clip, 3.5f);
  EXPECT_LT(clip, 10);
}

TEST(Entropy, KeepsAllWhereTheBinsAreFewerThanTheLevels) {
  const std::vector<float> values = DrawNormal(50'000, 0, 1, false);
  EXPECT_EQ(Calibrated("entropy", values, true, 16), Calibrated("min_max", values, true, 16));
}

}  // namespace
}  // namespace adze
