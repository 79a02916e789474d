#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace adze {

// What a scale's gradient is formed like.
struct ScaleGradientRule {
  double factor = 1;            // times the gradient of the scale
  bool passes_through = false;  // dx = dy also beyond the ends, else 0 there
};

// Fake-quantization with learned scales:
//   y = (clip(round(x / scale) + zero_point) - zero_point) scale,  t = x / scale
//   d scale = factor sum dy (round(t) - t, or beyond an end that end's q - zero_point)
//   d low   = sum dy beyond the ends, d scale being without it that of distances from `low` (LSQ+)
// `scale` has one element or broadcasts against x; then zero_point is 0 and q is round(x / scale)
// as for weights, else round(x * (1 / scale)) as for activations. `low` (one element) is where the
// range begins, (min - zero_point) scale but for rounding; undefined: not learned.
at::Tensor ScaleFakeQuant(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& low,
                          int zero_point, int num_bits, ScaleGradientRule rule);

// As above in shape for scales per channel: the weight's shape with 1 but for `channel_axes`.
std::vector<int64_t> ScaleShape(at::IntArrayRef weight, const std::vector<int>& channel_axes);

// A float32 leaf that requires a gradient.
at::Tensor LearnedLeaf(at::Tensor value, at::Device device);

}  // namespace adze
