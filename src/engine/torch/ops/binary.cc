#include "engine/torch/torch_op.h"

namespace adze {
namespace {

using Two = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

}  // namespace

// Arithmetic on two operands, broadcast against each other.
void register_binary(TorchOpRegistry& ops) {
  const auto add = [&](const char* name, Two function) {
    ops.AddOne(
        name, [function](const TorchCall& call) { return function(call.input(0), call.input(1)); });
  };
  const Two sum = [](const at::Tensor& a, const at::Tensor& b) { return a + b; };
  const Two quotient = [](const at::Tensor& a, const at::Tensor& b) { return a / b; };
  add("Add", sum);
  add("AddV2", sum);
  add("Sub", [](const at::Tensor& a, const at::Tensor& b) { return a - b; });
  add("Mul", [](const at::Tensor& a, const at::Tensor& b) { return a * b; });
  add("RealDiv", quotient);
  add("Div", quotient);
  add("Maximum", at::maximum);
  add("Minimum", at::minimum);
  add("Pow", [](const at::Tensor& a, const at::Tensor& b) { return at::pow(a, b); });
  add("SquaredDifference",
      [](const at::Tensor& a, const at::Tensor& b) { return at::square(a - b); });
  ops.AddOne("BiasAdd", [](const TorchCall& call) {
    const at::Tensor &x = call.input(0), &bias = call.input(1);
    const bool first = call.node.attr<std::string>("data_format", "NHWC") == "NCHW";
    if (!first) return x + bias;
    std::vector<int64_t> dims(x.dim(), 1);
    dims[1] = bias.size(0);
    return x + bias.reshape(dims);
  });
  ops.AddOne("BiasAddGrad", [](const TorchCall& call) {
    const at::Tensor& dy = call.input(0);
    const bool first = call.node.attr<std::string>("data_format", "NHWC") == "NCHW";
    const int64_t channels = first ? 1 : dy.dim() - 1;
    std::vector<int64_t> rest;
    for (int64_t axis = 0; axis < dy.dim(); ++axis) {
      if (axis != channels) rest.push_back(axis);
    }
    return dy.sum(rest);
  });
  ops.AddOne("AddN", [](const TorchCall& call) {
    at::Tensor total = call.input(0);
    for (int i = 1; i < call.num_inputs(); ++i) total = total + call.input(i);
    return total;
  });
  ops.AddOne("ClipByValue", [](const TorchCall& call) {
    return at::minimum(at::maximum(call.input(0), call.input(1)), call.input(2));
  });
}

}  // namespace adze
