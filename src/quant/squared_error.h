#pragma once

#include <cstdint>

#include "adze/quant.h"
#include "quant/distribution.h"

namespace adze {

// The mean squared error of rounding the values of a histogram to multiples of a scale, for any
// number of scales: each costs the levels it has, at most a few thousand of them.
class SquaredError {
 public:
  explicit SquaredError(const FloatHistogram& values) : values_(values) {}

  // mean over x of (x - scale * clip(round(x / scale), lowest, highest))^2.
  double Of(double scale, int64_t lowest, int64_t highest) const;
  double Of(const QuantParams& params) const;
  // The part of it that clipped values have, in constant time: values that would be rounded beyond
  // `lowest` or `highest`.
  double OfClipped(double scale, int64_t lowest, int64_t highest) const;
  double OfClipped(const QuantParams& params) const;

  const Distribution& values() const { return values_; }

 private:
  double SumInBuckets(double scale, int64_t lowest, int64_t highest) const;
  double SumInPoints(double scale, int64_t lowest, int64_t highest) const;

  Distribution values_;
};

}  // namespace adze
