#pragma once

#include <cstdint>
#include <span>

#include "quant/float_buckets.h"
#include "quant/sift.h"

namespace adze {

// Adds many values to the buckets of one histogram: into a table of this thread, which stays in the
// cache, and from there octave by octave into the buckets when it is full or at the end. One at a
// time on a thread.
class FloatScatter {
 public:
  explicit FloatScatter(FloatBuckets* buckets);
  ~FloatScatter() { Flush(); }
  FloatScatter(const FloatScatter&) = delete;
  FloatScatter& operator=(const FloatScatter&) = delete;

  // Adds some of the values that `block`, which is finite, has in `nonzero`.
  void Add(std::span<const uint32_t> bits, const Sifted& block);
  // Brings everything into the buckets.
  void Flush();

 private:
  FloatBuckets* buckets_;
  uint64_t* table_;  // a packed word for each sign, exponent and kFineBits of the mantissa
  uint64_t num_values_ = 0;
  // Absolute bits between which all lies that the table holds.
  uint32_t least_ = UINT32_MAX, most_ = 0;
  bool any_negative_ = false;
};

}  // namespace adze
