#include <algorithm>
#include <cmath>

#include "adze/op.h"
#include "ops/support/channels.h"
#include "ops/support/image.h"

namespace adze {
namespace {

bool IsTraining(const Node& node) { return node.attr<bool>("is_training", true); }

// x, scale, offset, mean, variance to y, batch mean, batch variance and what the gradient reads:
// mean and variance again, in V3 one more number, which means nothing on the CPU.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  Shape image = ShapeOfRank(context, 0, 4);
  int64_t& channels = image[LayoutOf(node).channel()];
  // In training mean and variance are computed, and what is given is usually empty.
  FloatType(context, {1, 2, 3, 4});
  const int last = IsTraining(node) ? 2 : 4;
  for (int i = 1; i <= last; ++i) {
    channels = SameDim(node, "channels", channels, ShapeOfRank(context, i, 1)[0]);
  }
  const TensorSpec y{FloatType(context), image}, per_channel{DType::kFloat, {channels}};
  std::vector<TensorSpec> specs{y, per_channel, per_channel, per_channel, per_channel};
  if (node.op() == "FusedBatchNormV3") specs.push_back({DType::kFloat, Shape{}});
  return specs;
}

// Mean and (biased) variance of every channel of the batch.
void Measure(const float* in, const ChannelView& view, std::vector<double>& mean,
             std::vector<double>& variance) {
  const double count = static_cast<double>(view.outer * view.inner);
  auto for_all = [&](auto f) {
    for (int64_t row = 0; row < view.outer * view.channels; ++row) {
      for (int64_t i = 0; i < view.inner; ++i) f(in[row * view.inner + i], row % view.channels);
    }
  };
  for_all([&](double x, int64_t c) { mean[c] += x / count; });
  for_all([&](double x, int64_t c) { variance[c] += (x - mean[c]) * (x - mean[c]) / count; });
}

// y = (x - mean) * scale / sqrt(variance + epsilon) + offset
void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  if (outputs.size() > 5) outputs[5].mutable_data<float>()[0] = 0;
  if (inputs[0].num_elements() == 0) {
    for (int i = 1; i < 5; ++i)
      for (float& x : outputs[i].mutable_data<float>()) x = 0;
    return;
  }
  const ChannelView view = ChannelsAt(shape, LayoutOf(node).channel());
  const float* in = inputs[0].data<float>().data();
  const float epsilon = node.attr<float>("epsilon", 1e-4f);
  const std::span<const float> scale = inputs[1].data<float>(), offset = inputs[2].data<float>();
  std::vector<double> mean(view.channels), variance(view.channels);
  double unbiased = 1;  // the batch variance, not the saved one, is the unbiased estimate
  if (IsTraining(node)) {
    Measure(in, view, mean, variance);
    const double count = static_cast<double>(view.outer * view.inner);
    unbiased = count / std::max(count - 1, 1.0);
  } else {
    std::copy_n(inputs[3].data<float>().begin(), view.channels, mean.begin());
    std::copy_n(inputs[4].data<float>().begin(), view.channels, variance.begin());
  }
  std::vector<float> centre(view.channels), factor(view.channels);
  for (int64_t c = 0; c < view.channels; ++c) {
    centre[c] = static_cast<float>(mean[c]);
    factor[c] = static_cast<float>(scale[c] / std::sqrt(variance[c] + epsilon));
    for (int i : {1, 3}) outputs[i].mutable_data<float>()[c] = centre[c];
    outputs[2].mutable_data<float>()[c] = static_cast<float>(variance[c] * unbiased);
    outputs[4].mutable_data<float>()[c] = static_cast<float>(variance[c]);
  }
  float* out = outputs[0].mutable_data<float>().data();
  ForElements(view, [=, m = centre.data(), f = factor.data(), b = offset.data()](
                        int64_t i, int64_t c) { out[i] = (in[i] - m[c]) * f[c] + b[c]; });
}

bool KeepsRows(const RowContext& context) {
  return context.OnlyRowsAre(0) && !context.node.attr<bool>("is_training", true);
}

}  // namespace

void register_fused_batch_norm(OpRegistry& ops) {
  for (const char* name : {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}) {
    ops.Add({.name = name,
             .summary = "Normalizes every channel by its mean and variance",
             .infer = Infer,
             .evaluate = InFloat(Evaluate),
             .keeps_rows = KeepsRows,
             .output_names = {"y", "batch_mean", "batch_variance", "reserve_space_1",
                              "reserve_space_2", "reserve_space_3"}});
  }
}

}  // namespace adze
