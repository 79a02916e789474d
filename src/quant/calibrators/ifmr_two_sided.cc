// IFMR with both ends searched, as AMCT's algorithm page draws it: factors of the minimum times
// factors of the maximum. It starts from what the search of the maximum alone finds, so that it is
// never worse.
#include "quant/calibrators/support/least_error.h"
#include "quant/calibrators/support/maximum_search.h"

namespace adze {
namespace {

QuantParams Compute(const FloatHistogram& values, const CalibratorSettings& settings) {
  const SquaredError error(values);
  const ValueRange range = PercentileRange(values, settings);
  LeastError search(error, SearchMaximum(error, range, settings));
  if (settings.spec.symmetric || range.min == 0) return search.best();  // there is no other end
  const std::vector<float> ratios = SearchRatios(settings);
  for (const float min_ratio : ratios) {
    for (const float max_ratio : ratios) {
      search.Try(ParamsFromRange(range.min * min_ratio, range.max * max_ratio, settings.spec));
    }
  }
  return search.best();
}

}  // namespace

void register_ifmr_two_sided(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "ifmr_two_sided",
                   .summary = "search of minimum and maximum for the least squared error",
                   .parameters = SearchParameters(),
                   .check = CheckSearch,
                   .compute = Compute});
}

}  // namespace adze
