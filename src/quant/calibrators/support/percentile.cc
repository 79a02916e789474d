#include "quant/calibrators/support/percentile.h"

#include <algorithm>

namespace adze {
namespace {

// Of n values, the rank of the one that `percentile` of them do not exceed.
uint64_t Rank(uint64_t n, double percentile) {
  constexpr double kEpsilon = 1.192092896e-7;
  if (1 - percentile < kEpsilon) return 1;
  return std::max<uint64_t>(1, n - static_cast<uint64_t>(percentile * static_cast<double>(n)));
}

}  // namespace

std::vector<CalibratorParameter> PercentileParameters(double fallback) {
  std::vector<CalibratorParameter> parameters;
  for (const char* name : {"max_percentile", "min_percentile"}) {
    parameters.push_back(
        {.name = name, .fallback = fallback, .range = "in (0.5, 1]", .accepts = [](double x) {
           return x > 0.5 && x <= 1;
         }});
  }
  return parameters;
}

ValueRange PercentileRange(const FloatHistogram& values, const CalibratorSettings& settings) {
  const uint64_t n = values.count();
  return {std::min(0.0f, values.Smallest(Rank(n, settings["min_percentile"]))),
          std::max(0.0f, values.Largest(Rank(n, settings["max_percentile"])))};
}

}  // namespace adze
