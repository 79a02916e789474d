// The best signal to quantization noise, clipping noise counted `gamma` times: the search of
// AIMET's SqnrEncodingAnalyzer (Qualcomm), with its candidates and defaults. Where that one has a
// histogram of equal bins, the noise here is that of the values themselves.
#include <algorithm>
#include <cmath>

#include "adze/calibrator.h"
#include "quant/calibrators/support/least_error.h"

namespace adze {
namespace {

constexpr float kEpsilon = 1.192092896e-7f;  // the least scale

bool IsCount(double x) { return x >= 3 && x <= 1000; }

// Scales up to a little above that of the whole range, zero point 0.
void TrySymmetric(float max, const CalibratorSettings& settings, LeastError* search) {
  const auto steps = static_cast<float>((1 << settings.spec.num_bits) - 1);
  const auto count = static_cast<int>(settings["symmetric_delta_candidates"]);
  for (int i = count; i >= 1; --i) {
    const float delta = 2 * max / steps * static_cast<float>(i) / static_cast<float>(count - 1);
    if (delta >= kEpsilon) search->Try({settings.spec, {delta}, {0}});
  }
}

// Scales times zero points, each range cut to what was seen.
void TryAsymmetric(float min, float max, const CalibratorSettings& settings, LeastError* search) {
  const auto steps = static_cast<float>((1 << settings.spec.num_bits) - 1);
  const auto deltas = static_cast<int>(settings["asymmetric_delta_candidates"]);
  const auto offsets =
      std::min(static_cast<int>(settings["offset_candidates"]), (1 << settings.spec.num_bits) + 1);
  const float max_delta = (max - min) / steps;
  const float observed = std::nearbyint(min / max_delta);
  const float seen_min = observed * max_delta, seen_max = seen_min + steps * max_delta;
  for (int i = deltas; i >= 1; --i) {
    const float delta = max_delta * static_cast<float>(i) / static_cast<float>(deltas - 1);
    for (int j = 0; j < offsets; ++j) {
      // -steps ... 0 evenly, and what was observed.
      const float offset = j == 0 ? observed
                                  : -std::nearbyint(steps * static_cast<float>(j - 1) /
                                                    static_cast<float>(std::max(offsets - 2, 1)));
      const float low = std::max(seen_min, offset * delta);
      const float high = std::min(seen_max, offset * delta + steps * delta);
      search->Try(ParamsFromRange(low, high, settings.spec));
    }
  }
}

QuantParams Compute(const FloatHistogram& values, const CalibratorSettings& settings) {
  const SquaredError error(values);
  const float min = std::min(0.0f, values.Smallest(1)), max = std::max(0.0f, values.Largest(1));
  LeastError search(error, ParamsFromRange(min, max, settings.spec), settings["gamma"]);
  if (max == min) return search.best();
  if (settings.spec.symmetric) {
    TrySymmetric(std::max(max, -min), settings, &search);
  } else {
    TryAsymmetric(min, max, settings, &search);
  }
  return search.best();
}

}  // namespace

void register_sqnr(CalibratorRegistry& calibrators) {
  const std::string count = "in [3, 1000]";
  calibrators.Add(
      {.name = "sqnr",
       .summary = "best signal to noise, with clipping noise weighted by gamma",
       .parameters = {{"gamma", 3, "in [1, 1000]", [](double x) { return x >= 1 && x <= 1000; }},
                      {"asymmetric_delta_candidates", 17, count, IsCount, true},
                      {"symmetric_delta_candidates", 101, count, IsCount, true},
                      {"offset_candidates", 21, count, IsCount, true}},
       .compute = Compute});
}

}  // namespace adze
