#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "quant/sift.h"

namespace adze {

// The largest kept values of a stream, or the smallest, as a multiset: order-free.
class Extremes {
 public:
  enum Side { kSmallest = -1, kLargest = 1 };

  Extremes(size_t keep, Side side) : keep_(keep), sign_(static_cast<float>(side)) {}

  // Whether a value can be among the extremes. (One that equals the last of them cannot: it
  // changes nothing.)
  bool Wants(float value) const { return sign_ * value > threshold_; }

  // Tells that enough values to keep are not beyond `bound` (in the direction of the side), and
  // that all of them are given to Add next.
  void WantFrom(float bound) {
    threshold_ = std::max(threshold_, std::nextafter(sign_ * bound, -kInfinity));
  }

  // Takes those that it wants; ignores what is not finite.
  void Add(std::span<const float> values) {
    constexpr size_t kMost = 128;  // at a time
    signed_.resize(2 * keep_ + kMost + kSelectRoom);
    while (!values.empty()) {
      if (size_ >= 2 * keep_) Shrink();
      const std::span<const float> some = values.first(std::min(kMost, values.size()));
      size_ += SelectBeyond(some, sign_, threshold_, signed_.data() + size_);
      values = values.subspan(some.size());
    }
  }

  // The most extreme of the kept values, at most `most`, the most extreme first.
  std::vector<float> Sorted(size_t most) const {
    std::vector<float> sorted(signed_.begin(), signed_.begin() + size_);
    most = std::min(most, keep_);
    if (sorted.size() > most) {
      std::nth_element(sorted.begin(), sorted.begin() + most, sorted.end(), std::greater<>());
      sorted.resize(most);
    }
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (float& value : sorted) value = sign_ * value + 0.0f;  // one kind of 0
    return sorted;
  }
  std::vector<float> Sorted() const { return Sorted(keep_); }

  size_t Bytes() const { return signed_.capacity() * sizeof(float); }

 private:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();

  // Numbers floats so that a larger one has a larger number.
  static uint32_t Rank(float x) {
    const auto bits = std::bit_cast<int32_t>(x);
    return static_cast<uint32_t>(bits ^ (bits >> 31 & 0x7fffffff)) ^ 0x80000000u;
  }

  // Drops what is below the kept ones. Counting in equal steps of rank finds a value that as many
  // or a few more reach, which is as good and faster than finding the last of those that are kept.
  void Shrink() {
    constexpr int kStepBits = 10;
    const auto first = signed_.begin(), end = first + size_;
    const auto [low, high] = std::minmax_element(first, end);
    const uint32_t least = Rank(*low), range = Rank(*high) - least;
    const int shift = std::max(static_cast<int>(std::bit_width(range)) - kStepBits, 0);
    std::array<uint32_t, 1 << kStepBits> counts = {};
    for (const float x : std::span(first, end)) ++counts[(Rank(x) - least) >> shift];
    uint32_t step = 1 << kStepBits;
    for (size_t reached = 0; reached < keep_;) reached += counts[--step];
    const auto is_below = [&](float x) { return (Rank(x) - least) >> shift < step; };
    size_ = std::remove_if(first, end, is_below) - first;
    if (size_ > keep_ + keep_ / 2) {  // many of nearly the same value
      std::nth_element(first, first + keep_ - 1, first + size_, std::greater<>());
      size_ = keep_;
    }
    threshold_ = *std::min_element(first, first + size_);
  }

  size_t keep_, size_ = 0;
  float sign_;
  float threshold_ = -kInfinity;  // times sign
  std::vector<float> signed_;     // values times sign
};

}  // namespace adze
