#include "engine/torch/torch_op.h"

namespace adze {
namespace {

// `function(x, axes, keep)` over the axes that operand 1 lists.
template <typename F>
auto Over(F function) {
  return [function](const TorchCall& call) {
    const at::Tensor& x = call.input(0);
    std::vector<int64_t> axes = call.ints(1);
    if (axes.empty()) return x;  // Torch would take all
    return function(x, axes, call.node.attr<bool>("keep_dims", false));
  };
}

using Axes = const std::vector<int64_t>&;

// One axis after the other, the last first, so that the numbers of the others stay.
at::Tensor Product(const at::Tensor& x, Axes axes, bool keep) {
  std::vector<int64_t> order;
  for (int64_t axis : axes) order.push_back(NormalizeAxis(axis, static_cast<int>(x.dim())));
  std::sort(order.rbegin(), order.rend());
  at::Tensor product = x;
  for (int64_t axis : order) product = product.prod(axis, keep);
  return product;
}

}  // namespace

void register_reduce(TorchOpRegistry& ops) {
  ops.AddOne("Mean",
             Over([](const at::Tensor& x, Axes axes, bool keep) { return x.mean(axes, keep); }));
  ops.AddOne("Sum",
             Over([](const at::Tensor& x, Axes axes, bool keep) { return x.sum(axes, keep); }));
  ops.AddOne("Max",
             Over([](const at::Tensor& x, Axes axes, bool keep) { return x.amax(axes, keep); }));
  ops.AddOne("Min",
             Over([](const at::Tensor& x, Axes axes, bool keep) { return x.amin(axes, keep); }));
  ops.AddOne("Prod", Over(Product));
}

}  // namespace adze
