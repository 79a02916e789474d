#include "engine/torch/torch_op.h"

namespace adze {
namespace {

at::Tensor Transposed(const Node& node, const char* attribute, const at::Tensor& x) {
  return node.attr<bool>(attribute, false) ? x.transpose(-1, -2) : x;
}

at::Tensor Multiply(const TorchCall& call, const char* left, const char* right) {
  const auto operand = [&](int i, const char* attribute) {
    return Transposed(call.node, attribute, call.input(i).to(call.product_type));
  };
  return at::matmul(operand(0, left), operand(1, right)).to(at::kFloat);
}

}  // namespace

void register_matmul(TorchOpRegistry& ops) {
  ops.AddOne("MatMul",
             [](const TorchCall& call) { return Multiply(call, "transpose_a", "transpose_b"); });
  for (const char* name : {"BatchMatMul", "BatchMatMulV2"}) {
    ops.AddOne(name, [](const TorchCall& call) { return Multiply(call, "adj_x", "adj_y"); });
  }
}

}  // namespace adze
