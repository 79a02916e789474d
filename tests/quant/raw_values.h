#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "adze/calibrator.h"

namespace adze {

inline FloatHistogram HistogramOf(std::span<const float> values) {
  FloatHistogram histogram;
  histogram.Observe(values);
  return histogram;
}

inline std::vector<float> DrawNormal(int count, float mean, float deviation, bool relu) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = std::max(normal(random), relu ? 0.0f : -1e9f);
  return values;
}

// Heavy tails: the exponential of a normal variable, with a random sign.
inline std::vector<float> DrawHeavy(int count, bool relu) {
  std::mt19937 random(12);
  std::normal_distribution<float> normal(0, 1.2f);
  std::vector<float> values(count);
  for (float& value : values) {
    value = std::exp(normal(random)) * (random() % 2 ? 1.0f : relu ? 0.0f : -0.6f);
  }
  return values;
}

// Mean squared error of rounding the values themselves.
inline double RawError(std::span<const float> values, double scale, double lowest, double highest) {
  double sum = 0;
  for (float x : values) {
    const double error = std::clamp(std::nearbyint(x / scale), lowest, highest) * scale - x;
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}
inline double RawError(std::span<const float> values, const QuantParams& params) {
  return RawError(values, params.scale[0], QuantMin(params.spec.num_bits) - params.zero_point[0],
                  QuantMax(params.spec.num_bits) - params.zero_point[0]);
}

// Equal bins of the values themselves, as EqualBins defines them.
inline std::vector<uint64_t> RawBins(std::span<const float> values, double min, double max,
                                     int num_bins) {
  std::vector<uint64_t> bins(num_bins);
  for (float x : values) {
    const auto at = static_cast<int>((x - min) / (max - min) * num_bins);
    ++bins[std::min(at, num_bins - 1)];
  }
  return bins;
}

inline QuantParams Calibrated(const std::string& calibrator, std::span<const float> values,
                              bool asymmetric = true, int num_bits = 8) {
  return CalibrateValues(HistogramOf(values),
                         {.algorithm = calibrator, .num_bits = num_bits, .asymmetric = asymmetric});
}

}  // namespace adze
