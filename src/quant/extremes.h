#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace adze {

// The largest kept values of a stream, or the smallest, as a multiset: order-free.
class Extremes {
 public:
  enum Side { kSmallest = -1, kLargest = 1 };

  Extremes(size_t keep, Side side) : keep_(keep), sign_(static_cast<float>(side)) {}

  // Whether a value can be among the extremes. (One that equals the last of them cannot: it
  // changes nothing.)
  bool Wants(float value) const { return sign_ * value > threshold_; }

  // Takes those that it wants; ignores what is not finite.
  void Add(std::span<const float> values) {
    // A test of several values at once takes the place of most branches.
    constexpr size_t kGroup = 32;
    for (; values.size() >= kGroup; values = values.subspan(kGroup)) {
      int wanted = 0;
      for (size_t i = 0; i < kGroup; ++i) wanted |= sign_ * values[i] > threshold_;
      if (wanted) AddEach(values.first(kGroup));
    }
    AddEach(values);
  }

  // The kept values, the most extreme first.
  std::vector<float> Sorted() const {
    std::vector<float> sorted = signed_;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    if (sorted.size() > keep_) sorted.resize(keep_);
    for (float& value : sorted) value = sign_ * value + 0.0f;  // one kind of 0
    return sorted;
  }

  size_t Bytes() const { return signed_.capacity() * sizeof(float); }

 private:
  void AddEach(std::span<const float> values) {
    for (float value : values) {
      if (!Wants(value) || !std::isfinite(value)) continue;
      signed_.push_back(sign_ * value);
      if (signed_.size() >= 2 * keep_) Shrink();
    }
  }

  void Shrink() {
    std::nth_element(signed_.begin(), signed_.begin() + keep_ - 1, signed_.end(), std::greater<>());
    signed_.resize(keep_);
    threshold_ = signed_.back();
  }

  size_t keep_;
  float sign_;
  float threshold_ = -std::numeric_limits<float>::infinity();  // times sign
  std::vector<float> signed_;                                  // values times sign
};

}  // namespace adze
