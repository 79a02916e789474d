#pragma once

#include <cstdint>
#include <vector>

#include "adze/tensor.h"
#include "engine/kernel.h"

namespace adze::integer {

// What is known of the weights of each output channel.
struct ChannelSums {
  std::vector<int64_t> plain;      // sum of weights
  std::vector<int64_t> magnitude;  // sum of their magnitudes
  explicit ChannelSums(int64_t channels) : plain(channels), magnitude(channels) {}
  void Add(int64_t channel, int8_t weight) {
    plain[channel] += weight;
    magnitude[channel] += weight < 0 ? -weight : weight;
  }
};

// What the sums of codes and weights begin with, of every channel and on to a multiple of 64:
//   sum (code - zero) * weight + bias = sum code * weight + (bias - zero * sum weight)
// A bias beyond 2^24 is rounded as the simulation rounds it: it holds biases in float32.
std::vector<int32_t> StartOf(const ChannelSums& sums, int64_t zero, const Tensor* bias);

// What no sum of a channel exceeds in magnitude.
std::vector<double> LargestOf(const ChannelSums& sums, const Tensor* bias);

}  // namespace adze::integer
