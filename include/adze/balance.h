#pragma once

#include <span>
#include <vector>

namespace adze {

// Smallest and largest factor of the balancer lie strictly between these.
inline constexpr float kLeastBalance = 1.192092896e-7f, kMostBalance = 1 / kLeastBalance;

// DMQ (reference/amct-algorithms section 7): for each input channel of a layer the factor by which
// its data is divided and its weights are multiplied, from the largest |x| and |w| of each channel:
//   f = x^m / w^(1 - m)
// `migration_strength` m in [0.2, 0.8]: the larger, the more of the range moves from the data into
// the weights. Channels without data or weights get what the others allow. kInvalidArgument if a
// factor would lie outside of (kLeastBalance, kMostBalance).
std::vector<float> BalanceFactors(std::span<const float> data, std::span<const float> weight,
                                  double migration_strength);

}  // namespace adze
