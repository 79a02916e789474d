// IFMR: tries maxima around a percentile of the data and keeps the one with the least squared error
// (reference/amct-algorithms section 5).
#include <algorithm>
#include <cmath>
#include <limits>

#include "adze/calibrator.h"
#include "quant/squared_error.h"

namespace adze {
namespace {

constexpr float kEpsilon = 1.192092896e-7f;

// Of n values, the rank of the one that `percentile` of them do not exceed.
uint64_t Rank(uint64_t n, double percentile) {
  if (1 - percentile < kEpsilon) return 1;
  return std::max<uint64_t>(1, n - static_cast<uint64_t>(percentile * static_cast<double>(n)));
}

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

QuantParams Compute(const FloatHistogram& values, const ActivationConfig& config) {
  const QuantSpec spec = config.spec();
  const uint64_t n = values.count();
  float max = std::max(0.0f, values.Largest(Rank(n, config.max_percentile)));
  const float min = std::min(0.0f, values.Smallest(Rank(n, config.min_percentile)));
  auto levels = static_cast<float>((1 << spec.num_bits) - 1);
  if (spec.symmetric) {
    levels = static_cast<float>(max < -min ? -QuantMin(spec.num_bits) : QuantMax(spec.num_bits));
    max = std::max(max, -min);
  }

  // The end of the range is not a candidate, whatever way its binary fraction rounds: 60 from 0.70
  // to 1.29 by default.
  const SquaredError error(values);
  const auto count = std::max<int64_t>(
      1, std::llround((config.search_end - config.search_start) / config.search_step));
  double least = std::numeric_limits<double>::infinity();
  float scale = 1;
  for (int64_t i = 0; i < count; ++i) {
    const auto ratio =
        static_cast<float>(config.search_start + static_cast<double>(i) * config.search_step);
    const Candidate candidate = MakeCandidate(max * ratio, min, levels, spec);
    const double loss = error.Of(candidate.scale, candidate.lowest, candidate.highest);
    if (loss < least) {
      least = loss;
      scale = candidate.scale;
    }
  }
  const float zero_point =
      spec.symmetric ? 0
                     : -std::nearbyint(min / scale) + static_cast<float>(QuantMin(spec.num_bits));
  return {spec, {scale}, {static_cast<int32_t>(zero_point)}};
}

}  // namespace

void register_ifmr(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "ifmr",
                   .summary = "search of the maximum for the least squared error",
                   .compute = Compute});
}

}  // namespace adze
