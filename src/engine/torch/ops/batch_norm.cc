#include "engine/torch/support/image.h"
#include "engine/torch/support/vector_jacobian.h"

namespace adze {
namespace {

// TensorFlow's default, where the attribute is left out, is training.
bool IsTraining(const Node& node) { return node.attr<bool>("is_training", true); }

at::Tensor Normalize(const Node& node, const at::Tensor& x, const at::Tensor& scale,
                     const at::Tensor& offset, const at::Tensor& mean, const at::Tensor& variance) {
  const bool training = IsTraining(node);
  return InLayoutOf(node, at::batch_norm(ChannelsSecond(node, x), scale, offset,
                                         training ? at::Tensor() : mean.detach(),
                                         training ? at::Tensor() : variance.detach(), training, 0,
                                         node.attr<float>("epsilon", 1e-4f), false));
}

// By mean and variance of the whole batch, of which others have a part: the mean of x, then that of
// (x - mean)^2, both from sums over all.
std::vector<at::Tensor> BatchNormOfWholeBatch(const TorchCall& call) {
  const at::Tensor x = ChannelsSecond(call.node, call.input(0));
  const double count = static_cast<double>(x.numel() / x.size(1)) * call.sharers->size();
  const auto mean_of = [&](const at::Tensor& values) {
    return SumOverSharers(values.sum({0, 2, 3}), call.sharers) / count;
  };
  const auto along_channels = [](const at::Tensor& values) {
    return values.reshape({1, -1, 1, 1});
  };
  const at::Tensor mean = mean_of(x);
  const at::Tensor centred = x - along_channels(mean);
  const at::Tensor variance = mean_of(centred.square());
  const at::Tensor factor =
      (variance + call.node.attr<float>("epsilon", 1e-4f)).rsqrt() * call.input(1);
  const at::Tensor y = centred * along_channels(factor) + along_channels(call.input(2));
  return {InLayoutOf(call.node, y),
          mean.detach(),
          variance.detach() * (count / std::max(count - 1, 1.0)),
          mean.detach(),
          variance.detach(),
          at::zeros({})};
}

// y, mean and variance of the batch (the unbiased estimate), what the gradient reads (the biased
// one), in V3 one number more, which means nothing here.
std::vector<at::Tensor> BatchNorm(const TorchCall& call) {
  if (IsTraining(call.node) && call.sharers) return BatchNormOfWholeBatch(call);
  const at::Tensor& x = call.input(0);
  at::Tensor y =
      Normalize(call.node, x, call.input(1), call.input(2), call.input(3), call.input(4));
  if (!IsTraining(call.node)) {
    return {y, call.input(3), call.input(4), call.input(3), call.input(4), at::zeros({})};
  }
  const at::NoGradGuard constant;
  const auto [variance, mean] =
      at::var_mean(ChannelsSecond(call.node, x), at::IntArrayRef{0, 2, 3}, false);
  const auto count = static_cast<double>(x.numel() / mean.numel());
  const at::Tensor unbiased = variance * (count / std::max(count - 1, 1.0));
  return {y, mean, unbiased, mean, variance, at::zeros({})};
}

// dy, x, scale, mean, variance to dx, dscale, doffset.
std::vector<at::Tensor> BatchNormGrad(const TorchCall& call) {
  const at::Tensor& scale = call.input(2);
  std::vector<at::Tensor> gradients = VectorJacobian(
      {call.input(1), scale, at::zeros_like(scale)}, call.input(0), [&](const auto& in) {
        return Normalize(call.node, in[0], in[1], in[2], call.input(3), call.input(4));
      });
  gradients.push_back(at::zeros({0}));
  gradients.push_back(at::zeros({0}));
  return gradients;
}

}  // namespace

void register_batch_norm(TorchOpRegistry& ops) {
  for (const char* version : {"", "V2", "V3"}) {
    ops.Add(std::string("FusedBatchNorm") + version, BatchNorm);
    ops.Add(std::string("FusedBatchNormGrad") + version, BatchNormGrad);
  }
}

}  // namespace adze
