#include "engine/torch/batch_sharers.h"

#include <torch/csrc/autograd/custom_function.h>

namespace adze {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor Sum(const at::Tensor& values, BatchSharers* sharers) {
  at::Tensor sum = values.clone(at::MemoryFormat::Contiguous);
  sharers->Sum(sum);
  return sum;
}

// s = x_1 + ... + x_n, which each process has: the gradient of its x is that of all losses by s.
class SumFunction : public torch::autograd::Function<SumFunction> {
 public:
  // A context keeps no pointers, but numbers: `sharers` is the address.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& values, int64_t sharers) {
    context->saved_data["sharers"] = sharers;
    return Sum(values, reinterpret_cast<BatchSharers*>(sharers));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const int64_t sharers = context->saved_data["sharers"].toInt();
    return {Sum(gradients[0], reinterpret_cast<BatchSharers*>(sharers)), at::Tensor()};
  }
};

}  // namespace

at::Tensor SumOverSharers(const at::Tensor& values, BatchSharers* sharers) {
  return SumFunction::apply(values, reinterpret_cast<int64_t>(sharers));
}

}  // namespace adze
