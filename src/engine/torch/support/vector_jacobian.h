#pragma once

#include <functional>

#include "engine/torch/torch_op.h"

namespace adze {

// What TensorFlow's gradient ops compute: the product of `dy` with the Jacobian of `function` at
// each of the inputs.
std::vector<at::Tensor> VectorJacobian(
    const std::vector<at::Tensor>& inputs, const at::Tensor& dy,
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& function);

}  // namespace adze
