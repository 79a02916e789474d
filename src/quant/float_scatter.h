#pragma once

#include <cstdint>
#include <span>

#include "quant/float_buckets.h"
#include "quant/simd.h"

namespace adze {

// Adds many values to the buckets of one histogram: into a table of this thread, which stays in the
// cache, and from there line by line into the buckets when it is full or at the end. One at a time
// on a thread.
class FloatScatter {
 public:
  explicit FloatScatter(FloatBuckets* buckets, Simd simd = BestSimd());
  ~FloatScatter() { Flush(); }
  FloatScatter(const FloatScatter&) = delete;
  FloatScatter& operator=(const FloatScatter&) = delete;

  // Adds at most Sifted::kBlock floats, by their bits; none counts as 0, all are finite, and the
  // largest absolute bits are most_magnitude.
  void Add(std::span<const uint32_t> bits, uint32_t most_magnitude);
  // Brings everything into the buckets.
  void Flush();

 private:
  FloatBuckets* buckets_;
  Simd simd_;
  uint64_t* table_;  // kSlots words of each sign
  uint64_t num_values_ = 0;
  uint32_t least_ = UINT32_MAX;  // absolute bits of what the table holds
  bool any_negative_ = false;
};

}  // namespace adze
