#include "adze/weight_channels.h"

#include <algorithm>
#include <cmath>

#include "adze/error.h"
#include "quant/channel_layout.h"

namespace adze {
namespace {

// Calls body(index, channel) for every element of the weight.
template <typename Body>
void ForEachInput(const Shape& shape, const ChannelAxes& axes, int64_t channels, const Body& body) {
  const ChannelLayout in = LayoutOfChannels(shape, axes.input);
  const ChannelLayout out = LayoutOfChannels(shape, axes.output);
  const int64_t groups = channels / in.channels;
  Require(groups > 0 && channels % in.channels == 0 && out.channels % groups == 0,
          ErrorCode::kBadFile, "a weight of shape ", shape.ToString(), " does not fit data of ",
          channels, " channels");
  const int64_t outputs_of_group = out.channels / groups;
  in.ForEach(shape.num_elements(), [&](size_t i, int64_t channel) {
    if (groups > 1) {
      const int64_t output = static_cast<int64_t>(i) / out.inner % out.channels;
      channel += output / outputs_of_group * in.channels;
    }
    body(i, channel);
  });
}

// Calls body(index, channel) likewise, for channels of the output.
template <typename Body>
void ForEachOutput(const Tensor& weight, const ChannelAxes& axes, const Body& body) {
  LayoutOfChannels(weight.shape(), axes.output).ForEach(weight.num_elements(), body);
}

}  // namespace

std::vector<float> LargestOfInputChannels(const Tensor& weight, const ChannelAxes& axes,
                                          int64_t channels) {
  std::vector<float> largest(channels, 0);
  const std::span<const float> values = weight.data<float>();
  ForEachInput(weight.shape(), axes, channels, [&](size_t i, int64_t channel) {
    largest[channel] = std::max(largest[channel], std::abs(values[i]));
  });
  return largest;
}

Tensor ScaleInputChannels(const Tensor& weight, const ChannelAxes& axes,
                          std::span<const float> factors) {
  Tensor scaled(DType::kFloat, weight.shape());
  const std::span<const float> in = weight.data<float>();
  const std::span<float> out = scaled.mutable_data<float>();
  ForEachInput(weight.shape(), axes, static_cast<int64_t>(factors.size()),
               [&](size_t i, int64_t channel) { out[i] = in[i] * factors[channel]; });
  return scaled;
}

std::vector<float> LargestOfOutputChannels(const Tensor& weight, const ChannelAxes& axes) {
  std::vector<float> largest(LayoutOfChannels(weight.shape(), axes.output).channels, 0);
  const std::span<const float> values = weight.data<float>();
  ForEachOutput(weight, axes, [&](size_t i, int64_t channel) {
    largest[channel] = std::max(largest[channel], std::abs(values[i]));
  });
  return largest;
}

Tensor ScaleOutputChannels(const Tensor& weight, const ChannelAxes& axes,
                           std::span<const float> factors) {
  Tensor scaled(DType::kFloat, weight.shape());
  const std::span<const float> in = weight.data<float>();
  const std::span<float> out = scaled.mutable_data<float>();
  ForEachOutput(weight, axes,
                [&](size_t i, int64_t channel) { out[i] = in[i] * factors[channel]; });
  return scaled;
}

}  // namespace adze
