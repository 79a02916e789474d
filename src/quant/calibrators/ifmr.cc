// IFMR, AMCT's default: tries maxima around a percentile of the data and keeps the one with the
// least squared error (reference/amct-algorithms section 5).
#include "quant/calibrators/support/maximum_search.h"

namespace adze {

void register_ifmr(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "ifmr",
                   .summary = "search of the maximum for the least squared error",
                   .parameters = SearchParameters(),
                   .check = CheckSearch,
                   .compute = [](const FloatHistogram& values, const CalibratorSettings& settings) {
                     return SearchMaximum(SquaredError(values), PercentileRange(values, settings),
                                          settings);
                   }});
}

}  // namespace adze
