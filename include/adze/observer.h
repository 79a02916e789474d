#pragma once

#include <memory>
#include <span>

#include "adze/quant.h"

namespace adze {

// Statistics of a stream of floats in constant memory, from which a calibrator finds scale and zero
// point. Order-free: the same values give the same bytes whatever their order, batching, or how
// they were spread over observers that were merged.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void Observe(std::span<const float> values) = 0;
  virtual void Merge(const Observer& other) = 0;
  // kInvalidArgument if a NaN or Inf was seen, or nothing was.
  virtual QuantParams Compute(const QuantSpec& spec) const = 0;
};

}  // namespace adze
