#include "adze/balance.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "adze/error.h"

namespace adze {

std::vector<float> BalanceFactors(std::span<const float> data, std::span<const float> weight,
                                  double migration_strength) {
  constexpr float kEpsilon = kLeastBalance;
  Check(!data.empty() && data.size() == weight.size(), "channels of data and weight");
  Require(migration_strength >= 0.2 && migration_strength <= 0.8, ErrorCode::kInvalidArgument,
          "migration_strength is ", migration_strength, ", but must be in [0.2, 0.8]");
  std::vector<float> factors(data.size(), 1);
  if (*std::max_element(data.begin(), data.end()) < kEpsilon ||
      *std::max_element(weight.begin(), weight.end()) < kEpsilon) {
    return factors;
  }
  // Of the channels that have data and weights: the largest weight after balancing, v f, and the
  // largest datum, a / f.
  double largest_weight = 0, largest_datum = 0;
  for (size_t c = 0; c < data.size(); ++c) {
    const double a = data[c], v = weight[c];
    if (a < kEpsilon || v < kEpsilon) continue;
    const double f = std::pow(a, migration_strength) / std::pow(v, 1 - migration_strength);
    factors[c] = static_cast<float>(f);
    if (f < kEpsilon) continue;
    largest_weight = std::max(largest_weight, v * f);
    largest_datum = std::max(largest_datum, a / f);
  }
  for (size_t c = 0; c < data.size(); ++c) {
    const double a = data[c], v = weight[c];
    if (a < kEpsilon && v >= kEpsilon && largest_weight > 0) {
      factors[c] = static_cast<float>(largest_weight / v);
    } else if (a >= kEpsilon && v < kEpsilon && largest_datum > 0) {
      factors[c] = static_cast<float>(a / largest_datum);
    }
    Require(factors[c] > kLeastBalance && factors[c] < kMostBalance, ErrorCode::kInvalidArgument,
            "the balancer's factor of input channel ", c, " is ", factors[c], ", outside of (",
            kLeastBalance, ", ", kMostBalance, "); leave its dmq_balancer out");
  }
  return factors;
}

}  // namespace adze
