#pragma once

#include <cstdint>
#include <vector>

#include "adze/float_histogram.h"

namespace adze {

// The mean squared error of rounding the values of a histogram to multiples of a scale, for any
// number of scales: O(levels * log(buckets)) each.
class SquaredError {
 public:
  explicit SquaredError(const FloatHistogram& values);

  // mean over x of (x - scale * clip(round(x / scale), lowest, highest))^2.
  double Of(double scale, int64_t lowest, int64_t highest) const;

 private:
  // How many values lie below a point, and their sum.
  struct Prefix {
    double count = 0, sum = 0;
  };
  Prefix Below(double point) const;
  double SumInBuckets(double scale, int64_t lowest, int64_t highest) const;

  std::vector<FloatHistogram::Bucket> points_;   // of one value each
  std::vector<FloatHistogram::Bucket> buckets_;  // the others
  std::vector<double> lows_;    // buckets_[i].low, close together for the search
  std::vector<Prefix> prefix_;  // below buckets_[i]; one more for all
  double square_sum_ = 0;       // of the values in buckets_
};

}  // namespace adze
