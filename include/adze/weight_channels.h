#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "adze/tensor.h"

namespace adze {

// Axes of a weight that number the channels of its layer's output and data (QuantTraits).
struct ChannelAxes {
  std::vector<int> output;
  std::vector<int> input;
};

// Of the weight's elements that are multiplied with channel c of the data, the largest |w|; one for
// each of the data's `channels`. A weight that numbers fewer of them is a grouped convolution's,
// whose first outputs read the first of the data's channels and so on. kBadFile if the numbers of
// channels do not fit.
std::vector<float> LargestOfInputChannels(const Tensor& weight, const ChannelAxes& axes,
                                          int64_t channels);
// The weight with the elements of each input channel times the channel's factor; float32.
Tensor ScaleInputChannels(const Tensor& weight, const ChannelAxes& axes,
                          std::span<const float> factors);

// The same by the channels of the output, which weights always number in full.
std::vector<float> LargestOfOutputChannels(const Tensor& weight, const ChannelAxes& axes);
Tensor ScaleOutputChannels(const Tensor& weight, const ChannelAxes& axes,
                           std::span<const float> factors);

}  // namespace adze
