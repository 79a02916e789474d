#include "quant/calibrators/support/maximum_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace adze {
namespace {

constexpr float kEpsilon = 1.192092896e-7f;

bool IsPositive(double x) { return x > 0; }

// The scale and the range of integers that a candidate's clamped values round to.
struct Candidate {
  float scale;
  int64_t lowest, highest;
};

Candidate MakeCandidate(float max, float min, float levels, const QuantSpec& spec) {
  const float low = spec.symmetric ? -max : min;
  float scale = (spec.symmetric ? max : max - min) / levels;
  if (scale < kEpsilon) scale = 1;
  return {scale, std::llrint(low / scale), std::llrint(max / scale)};
}

}  // namespace

std::vector<CalibratorParameter> SearchParameters() {
  std::vector<CalibratorParameter> parameters = PercentileParameters(0.999999);
  parameters.push_back({"search_range_start", 0.7, "above 0", IsPositive});
  parameters.push_back({"search_range_end", 1.3, "above 0", IsPositive});
  parameters.push_back({"search_step", 0.01, "above 0", IsPositive});
  return parameters;
}

void CheckSearch(const CalibratorSettings& settings) {
  const double start = settings["search_range_start"], end = settings["search_range_end"];
  const double step = settings["search_step"];
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  Require(start < end, kBad, "search_range is [", start, ", ", end,
          "], but its start must be below its end");
  // 1.3 - 0.7 is 0.6000000000000001 in binary: decimals of a config have fewer digits than 12.
  Require(step <= (end - start) * (1 + 1e-12), kBad, "search_step is ", step,
          ", but must be at most search_range's length ", end - start);
  constexpr double kMostCandidates = 10000;
  Require((end - start) / step <= kMostCandidates, kBad, "search_step is ", step,
          ", which makes more than ", kMostCandidates, " candidates; make it larger");
}

// The end of the range is not a candidate, whatever way its binary fraction rounds: 60 from 0.70 to
// 1.29 by default.
std::vector<float> SearchRatios(const CalibratorSettings& settings) {
  const double start = settings["search_range_start"], step = settings["search_step"];
  const auto count =
      std::max<int64_t>(1, std::llround((settings["search_range_end"] - start) / step));
  std::vector<float> ratios;
  for (int64_t i = 0; i < count; ++i) {
    ratios.push_back(static_cast<float>(start + static_cast<double>(i) * step));
  }
  return ratios;
}

QuantParams SearchMaximum(const SquaredError& error, ValueRange range,
                          const CalibratorSettings& settings) {
  const QuantSpec spec = settings.spec;
  float max = range.max;
  auto levels = static_cast<float>((1 << spec.num_bits) - 1);
  if (spec.symmetric) {
    const bool negative = max < -range.min;
    levels = static_cast<float>(negative ? -QuantMin(spec.num_bits) : QuantMax(spec.num_bits));
    max = std::max(max, -range.min);
  }
  double least = std::numeric_limits<double>::infinity();
  float scale = 1;
  for (const float ratio : SearchRatios(settings)) {
    const Candidate candidate = MakeCandidate(max * ratio, range.min, levels, spec);
    const double loss = error.Of(candidate.scale, candidate.lowest, candidate.highest);
    if (loss < least) {
      least = loss;
      scale = candidate.scale;
    }
  }
  const float zero_point = spec.symmetric ? 0
                                          : -std::nearbyint(range.min / scale) +
                                                static_cast<float>(QuantMin(spec.num_bits));
  return {spec, {scale}, {static_cast<int32_t>(zero_point)}};
}

}  // namespace adze
