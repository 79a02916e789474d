#pragma once

#include <ATen/ATen.h>

namespace adze {

// Processes that run the same graph at the same time, each on an equal part of one batch. All of
// them must call the same functions in the same order.
class BatchSharers {
 public:
  virtual ~BatchSharers() = default;
  virtual int size() const = 0;
  // Sums the tensor, which is contiguous, over all, in place.
  virtual void Sum(at::Tensor values) = 0;
};

// The sum over all, through which gradients flow: what all of them lose by it, each gets. So the
// gradients of all processes, of what each has made of its part, add up to those of the whole.
at::Tensor SumOverSharers(const at::Tensor& values, BatchSharers* sharers);

}  // namespace adze
