#include "engine/torch/torch_op.h"

namespace adze {
namespace {

// y[c] = x[c] / (bias + alpha * sum of x[i]^2 over |i - c| <= depth_radius)^beta
at::Tensor Lrn(const TorchCall& call) {
  const at::Tensor& x = call.input(0);
  const Node& node = call.node;
  const int64_t channels = x.size(3);
  const int64_t radius = std::min(node.attr<int64_t>("depth_radius", 5), channels);
  const at::Tensor squares = at::constant_pad_nd(at::square(x), {radius, radius});
  const at::Tensor sums = squares.unfold(3, 2 * radius + 1, 1).sum(-1);
  return x * at::pow(node.attr<float>("bias", 1.0f) + node.attr<float>("alpha", 1.0f) * sums,
                     -node.attr<float>("beta", 0.5f));
}

}  // namespace

void register_lrn(TorchOpRegistry& ops) { ops.AddOne("LRN", Lrn); }

}  // namespace adze
