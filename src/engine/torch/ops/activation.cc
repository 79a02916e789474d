#include "engine/torch/torch_op.h"

namespace adze {

// Nonlinear functions of one number, and the gradients that TensorFlow has as ops.
void register_activation(TorchOpRegistry& ops) {
  const auto add = [&](const char* name, at::Tensor (*function)(const at::Tensor&)) {
    ops.AddOne(name, [function](const TorchCall& call) { return function(call.input(0)); });
  };
  add("Relu", at::relu);
  // Not at::clamp: its gradient at 0 and 6 is 1, TensorFlow's is 0 there.
  add("Relu6", [](const at::Tensor& x) { return at::hardtanh(x, 0, 6); });
  add("Elu", [](const at::Tensor& x) { return at::elu(x); });
  add("Selu", at::selu);
  add("Sigmoid", at::sigmoid);
  add("Tanh", at::tanh);
  add("Softplus",
      [](const at::Tensor& x) { return at::clamp_min(x, 0) + (-x.abs()).exp().log1p(); });
  add("Softsign", [](const at::Tensor& x) { return x / (x.abs() + 1); });
  ops.AddOne("LeakyRelu", [](const TorchCall& call) {
    return at::leaky_relu(call.input(0), call.node.attr<float>("alpha", 0.2f));
  });
  ops.AddOne("ReluGrad", [](const TorchCall& call) {
    return at::where(call.input(1) > 0, call.input(0), 0.0);
  });
  ops.AddOne("Relu6Grad", [](const TorchCall& call) {
    const at::Tensor& x = call.input(1);
    return at::where((x > 0).logical_and(x < 6), call.input(0), 0.0);
  });
  ops.AddOne("EluGrad", [](const TorchCall& call) {  // of the outputs
    const at::Tensor& y = call.input(1);
    return at::where(y < 0, (y + 1) * call.input(0), call.input(0));
  });
}

}  // namespace adze
