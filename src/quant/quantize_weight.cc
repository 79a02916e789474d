// Weights: symmetric, per channel or per tensor (reference section 4).
#include <algorithm>
#include <cmath>
#include <limits>

#include "adze/error.h"
#include "adze/quant.h"

namespace adze {
namespace {

// The channel of an element is (index / inner) % channels.
struct ChannelLayout {
  int64_t inner = 1;
  int64_t channels = 1;

  // Calls body(index, channel) for every element in order.
  template <typename Body>
  void ForEach(size_t size, const Body& body) const {
    int64_t channel = 0;
    for (size_t i = 0; i < size; channel = channel + 1 == channels ? 0 : channel + 1) {
      for (const size_t end = i + inner; i < end; ++i) body(i, channel);
    }
  }
};

ChannelLayout LayoutOf(const Shape& shape, const std::vector<int>& channel_axes) {
  ChannelLayout layout;
  if (channel_axes.empty()) return layout;
  for (size_t i = 0; i < channel_axes.size(); ++i) {
    const int axis = channel_axes[i];
    Require(axis >= 0 && axis < shape.rank(), ErrorCode::kBadFile, "a weight of shape ",
            shape.ToString(), " has no axis ", axis);
    Check(i == 0 || axis == channel_axes[i - 1] + 1, "channel axes lie side by side");
    layout.channels *= shape[axis];
  }
  for (int axis = channel_axes.back() + 1; axis < shape.rank(); ++axis) layout.inner *= shape[axis];
  layout.inner = std::max<int64_t>(layout.inner, 1);
  layout.channels = std::max<int64_t>(layout.channels, 1);
  return layout;
}

}  // namespace

QuantizedWeight QuantizeWeight(const Tensor& weight, const QuantParams& params,
                               const std::vector<int>& channel_axes) {
  const bool per_channel = params.scale.size() > 1;
  const ChannelLayout layout =
      LayoutOf(weight.shape(), per_channel ? channel_axes : std::vector<int>());
  Require(static_cast<int64_t>(params.scale.size()) == layout.channels, ErrorCode::kInvalidArgument,
          "there are ", params.scale.size(), " weight scales for a weight of shape ",
          weight.shape().ToString());
  const auto lowest = static_cast<float>(QuantMin(params.spec.num_bits));
  const auto highest = static_cast<float>(QuantMax(params.spec.num_bits));
  QuantizedWeight quantized{params, Tensor(DType::kInt8, weight.shape())};
  const std::span<const float> in = weight.data<float>();
  const std::span<int8_t> out = quantized.values.mutable_data<int8_t>();
  layout.ForEach(in.size(), [&](size_t i, int64_t channel) {
    Require(std::isfinite(in[i]), ErrorCode::kInvalidArgument, "weight element ", i, " is ", in[i]);
    const float q = std::nearbyint(in[i] / params.scale[channel]);
    out[i] = static_cast<int8_t>(std::clamp(q, lowest, highest));
  });
  return quantized;
}

QuantParams WeightParamsArq(const Tensor& weight, const std::vector<int>& channel_axes,
                            int num_bits) {
  Check(num_bits >= 2 && num_bits <= 8, "bits of a weight");
  const ChannelLayout layout = LayoutOf(weight.shape(), channel_axes);
  std::vector<float> min(layout.channels, 0), max(layout.channels, 0);
  const std::span<const float> values = weight.data<float>();
  layout.ForEach(values.size(), [&](size_t i, int64_t channel) {
    Require(std::isfinite(values[i]), ErrorCode::kInvalidArgument, "weight element ", i,
            std::isnan(values[i]) ? " is NaN" : " is Inf", " (output channel ", channel, ")");
    min[channel] = std::min(min[channel], values[i]);
    max[channel] = std::max(max[channel], values[i]);
  });
  const QuantSpec spec{.num_bits = num_bits, .symmetric = true};
  QuantParams params{spec, {}, {}};
  for (int64_t c = 0; c < layout.channels; ++c) {
    params.scale.push_back(ParamsFromRange(min[c], max[c], spec).scale[0]);
    params.zero_point.push_back(0);
  }
  return params;
}

QuantizedWeight QuantizeWeightArq(const Tensor& weight, const std::vector<int>& channel_axes,
                                  int num_bits) {
  return QuantizeWeight(weight, WeightParamsArq(weight, channel_axes, num_bits), channel_axes);
}

Tensor DequantizeWeight(const QuantizedWeight& weight, const std::vector<int>& channel_axes) {
  const std::vector<float>& scale = weight.params.scale;
  const ChannelLayout layout =
      LayoutOf(weight.values.shape(), scale.size() > 1 ? channel_axes : std::vector<int>());
  Tensor result(DType::kFloat, weight.values.shape());
  const std::span<const int8_t> in = weight.values.data<int8_t>();
  const std::span<float> out = result.mutable_data<float>();
  layout.ForEach(in.size(), [&](size_t i, int64_t channel) {
    out[i] = static_cast<float>(in[i]) * scale[channel];
  });
  return result;
}

}  // namespace adze
