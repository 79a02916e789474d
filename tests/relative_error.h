#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "adze/tensor.h"

namespace adze {

// max|a - b| / max|b| (max|a - b| where b is all 0); infinite where shapes differ or only one of
// two elements is NaN or they are different infinities.
inline double RelativeError(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) {
    return std::numeric_limits<double>::infinity();
  }
  const Tensor da = Cast(a, DType::kDouble), db = Cast(b, DType::kDouble);
  double difference = 0, largest = 0;
  for (int64_t i = 0; i < b.num_elements(); ++i) {
    const double x = da.data<double>()[i], y = db.data<double>()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) {
      if (std::isfinite(y)) largest = std::max(largest, std::abs(y));
      continue;
    }
    if (!std::isfinite(x) || !std::isfinite(y)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(x - y));
    largest = std::max(largest, std::abs(y));
  }
  return largest > 0 ? difference / largest : difference;
}

}  // namespace adze
