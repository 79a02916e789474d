#include "engine/torch/support/vector_jacobian.h"

#include <torch/csrc/autograd/autograd.h>

namespace adze {

std::vector<at::Tensor> VectorJacobian(
    const std::vector<at::Tensor>& inputs, const at::Tensor& dy,
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& function) {
  const at::AutoGradMode recorded(true);
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& input : inputs) {
    leaves.push_back(input.detach().requires_grad_(true));
  }
  return torch::autograd::grad({function(leaves)}, leaves, {dy});
}

}  // namespace adze
