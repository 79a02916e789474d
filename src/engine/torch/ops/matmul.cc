#include "engine/torch/torch_op.h"

namespace adze {
namespace {

at::Tensor Transposed(const Node& node, const char* attribute, const at::Tensor& x) {
  return node.attr<bool>(attribute, false) ? x.transpose(-1, -2) : x;
}

at::Tensor Multiply(const TorchCall& call, const char* left, const char* right) {
  return at::matmul(Transposed(call.node, left, call.input(0)),
                    Transposed(call.node, right, call.input(1)));
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
