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

struct WholeBatch {
  at::Tensor y, mean, variance;
  double count = 0;  // of what each mean is of
};

// By mean and variance of the whole batch, of which others have a part: the mean of x, then that of
// (x - mean)^2, both from sums over all.
WholeBatch NormalizeWholeBatch(const TorchCall& call, const at::Tensor& image,
                               const at::Tensor& scale, const at::Tensor& offset) {
  const at::Tensor x = ChannelsSecond(call.node, image);
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
  const at::Tensor factor = (variance + call.node.attr<float>("epsilon", 1e-4f)).rsqrt() * scale;
  const at::Tensor y = centred * along_channels(factor) + along_channels(offset);
  return {InLayoutOf(call.node, y), mean.detach(), variance.detach(), count};
}

// y, mean and variance of the batch (the unbiased estimate), what the gradient reads (the biased
// one), in V3 one number more, which means nothing here.
std::vector<at::Tensor> BatchNorm(const TorchCall& call) {
  const auto unbiased = [](const at::Tensor& variance, double count) {
    return variance * (count / std::max(count - 1, 1.0));
  };
  const at::Tensor& x = call.input(0);
  if (IsTraining(call.node) && call.sharers) {
    const WholeBatch whole = NormalizeWholeBatch(call, x, call.input(1), call.input(2));
    return {whole.y,    whole.mean,     unbiased(whole.variance, whole.count),
            whole.mean, whole.variance, at::zeros({})};
  }
  at::Tensor y =
      Normalize(call.node, x, call.input(1), call.input(2), call.input(3), call.input(4));
  if (!IsTraining(call.node)) {
    return {y, call.input(3), call.input(4), call.input(3), call.input(4), at::zeros({})};
  }
  const at::NoGradGuard constant;
  const auto [variance, mean] =
      at::var_mean(ChannelsSecond(call.node, x), at::IntArrayRef{0, 2, 3}, false);
  const auto count = static_cast<double>(x.numel() / mean.numel());
  return {y, mean, unbiased(variance, count), mean, variance, at::zeros({})};
}

// dy, x, scale, mean, variance to dx, dscale, doffset. Of a batch that others have a part of,
// dscale and doffset are what this part adds to those of the whole, as gradients of weights are.
std::vector<at::Tensor> BatchNormGrad(const TorchCall& call) {
  const at::Tensor& scale = call.input(2);
  std::vector<at::Tensor> gradients = VectorJacobian(
      {call.input(1), scale, at::zeros_like(scale)}, call.input(0), [&](const auto& in) {
        if (IsTraining(call.node) && call.sharers) {
          return NormalizeWholeBatch(call, in[0], in[1], in[2]).y;
        }
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
