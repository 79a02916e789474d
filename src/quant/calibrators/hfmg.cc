// HFMG, AMCT's search on a histogram of equal bins (reference/amct-algorithms section 6).
#include <algorithm>

#include "adze/calibrator.h"
#include "quant/calibrators/support/equal_bins.h"
#include "quant/calibrators/support/hfmg_search.h"

namespace adze {
namespace {

constexpr double kEpsilon = 1.192092896e-7;

QuantParams Compute(const FloatHistogram& values, const CalibratorSettings& settings) {
  const double min = values.Smallest(1), max = values.Largest(1);
  const auto num_bins = static_cast<int>(settings["num_of_bins"]);
  const double width = (max - min) / num_bins;
  const int64_t levels = int64_t{1} << settings.spec.num_bits;
  BinRange clip(0, num_bins - 1);
  if (width > 0) {
    const std::vector<uint64_t> bins = EqualBins(Distribution(values), min, max, num_bins);
    // Parts below epsilon cost nothing, so that the first candidate is as good as any.
    const std::vector<BinRange> candidates = HfmgCandidates(bins);
    const auto too_short = [&](BinRange range) {
      return width * (range.second - range.first + 1) / static_cast<double>(levels) < kEpsilon;
    };
    const auto first = std::find_if(candidates.begin(), candidates.end(), too_short);
    clip = first != candidates.end() ? *first : LeastHfmgLoss(bins, levels);
  }
  return ParamsFromRange(static_cast<float>(min + clip.first * width),
                         static_cast<float>(min + (clip.second + 1) * width), settings.spec);
}

}  // namespace

void register_hfmg(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "hfmg",
                   .summary = "search on a histogram of equal bins",
                   .parameters = {NumOfBins(4096)},
                   .compute = Compute});
}

}  // namespace adze
