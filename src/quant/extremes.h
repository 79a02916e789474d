#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace adze {

// The largest kept values of a stream, as a multiset: order-free.
class Extremes {
 public:
  explicit Extremes(size_t keep) : keep_(keep) {}

  // Values that are not above this cannot be among the largest (or are equal to the least of them,
  // which changes nothing).
  float threshold() const { return threshold_; }

  // Takes what is above the threshold; ignores the rest and what is not finite.
  void Add(std::span<const float> values) {
    for (float value : values) {
      if (!(value > threshold_) || !std::isfinite(value)) continue;
      values_.push_back(value + 0.0f);  // -0 becomes +0, so that equal values have equal bits
      if (values_.size() >= 2 * keep_) Shrink();
    }
  }

  // The kept values, largest first.
  std::vector<float> Sorted() const {
    std::vector<float> sorted = values_;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    if (sorted.size() > keep_) sorted.resize(keep_);
    return sorted;
  }

 private:
  void Shrink() {
    std::nth_element(values_.begin(), values_.begin() + keep_ - 1, values_.end(), std::greater<>());
    values_.resize(keep_);
    threshold_ = values_.back();
  }

  size_t keep_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<float> values_;
};

}  // namespace adze
