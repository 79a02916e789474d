// Weights on scales that are known: symmetric, per channel or per tensor.
#include <algorithm>
#include <cmath>

#include "adze/error.h"
#include "adze/quant.h"
#include "quant/channel_layout.h"

namespace adze {

QuantizedWeight QuantizeWeight(const Tensor& weight, const QuantParams& params,
                               const std::vector<int>& channel_axes) {
  const bool per_channel = params.scale.size() > 1;
  const ChannelLayout layout =
      LayoutOfChannels(weight.shape(), per_channel ? channel_axes : std::vector<int>());
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

QuantizedWeight QuantizeWeightArq(const Tensor& weight, const std::vector<int>& channel_axes,
                                  int num_bits) {
  return QuantizeWeight(weight, WeightParamsArq(weight, channel_axes, num_bits), channel_axes);
}

Tensor DequantizeWeight(const QuantizedWeight& weight, const std::vector<int>& channel_axes) {
  const std::vector<float>& scale = weight.params.scale;
  const ChannelLayout layout =
      LayoutOfChannels(weight.values.shape(), scale.size() > 1 ? channel_axes : std::vector<int>());
  Tensor result(DType::kFloat, weight.values.shape());
  const std::span<const int8_t> in = weight.values.data<int8_t>();
  const std::span<float> out = result.mutable_data<float>();
  layout.ForEach(in.size(), [&](size_t i, int64_t channel) {
    out[i] = static_cast<float>(in[i]) * scale[channel];
  });
  return result;
}

}  // namespace adze
