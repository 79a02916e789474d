#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "quant/simd.h"

namespace adze {

// Values that count as 0 have absolute bits below this: 2^-24.
inline constexpr uint32_t kLeastBits = (127u - 24) << 23;
// Values that are not finite have absolute bits from this on.
inline constexpr uint32_t kInfinityBits = 255u << 23;

// One block of values: its range, and what is not nearly 0.
struct Sifted {
  static constexpr int kBlock = 1024;
  static constexpr int kRoom = kBlock + 16;  // vector stores may write past the end
  uint32_t most_magnitude = 0;               // the largest absolute bits
  uint32_t least_magnitude = 0;              // the smallest that are not nearly 0
  float least = 0, most = 0;                 // if all values are finite
  int num_nonzero = 0;
  alignas(64) uint32_t nonzero[kRoom];  // bit patterns, in order
};

// From 1 to kBlock values.
void Sift(std::span<const float> values, Sifted* sifted, Simd simd = BestSimd());

// Vector stores may write so many values past the last.
inline constexpr size_t kSelectRoom = 16;

// Writes sign * x, in order, for each x with threshold < sign * x < infinity, and says how many.
// `out` has room for all values and kSelectRoom more.
size_t SelectBeyond(std::span<const float> values, float sign, float threshold, float* out,
                    Simd simd = BestSimd());

}  // namespace adze
