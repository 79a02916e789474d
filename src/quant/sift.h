#pragma once

#include <cstdint>
#include <span>

namespace adze {

// Values that count as 0 have absolute bits below this: 2^-24.
inline constexpr uint32_t kLeastBits = (127u - 24) << 23;

// One block of values parted: what is not nearly 0, and what may be extreme. A value can be in
// several parts.
struct Sifted {
  static constexpr int kBlock = 2048;
  static constexpr int kRoom = kBlock + 16;  // vector stores may write past the end
  int num_nonzero = 0, num_above = 0, num_below = 0;
  alignas(64) uint32_t nonzero[kRoom];  // bit patterns
  alignas(64) float above[kRoom];       // value > high
  alignas(64) float below[kRoom];       // value < low
};

// At most kBlock values.
void Sift(std::span<const float> values, float low, float high, Sifted* sifted);

}  // namespace adze
