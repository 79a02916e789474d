#pragma once

#include <array>

#include "adze/window.h"
#include "engine/torch/torch_op.h"

namespace adze {

// An image of the node's data_format as Torch takes it, NCHW: of NHWC a view that is channels-last.
at::Tensor ChannelsSecond(const Node& node, const at::Tensor& image);
// The way back.
at::Tensor InLayoutOf(const Node& node, const at::Tensor& image);

inline std::array<int64_t, 2> Strides(const Window& w) { return {w.height.stride, w.width.stride}; }
inline std::array<int64_t, 2> Kernel(const Window& w) { return {w.height.kernel, w.width.kernel}; }
inline std::array<int64_t, 2> Dilations(const Window& w) {
  return {w.height.dilation, w.width.dilation};
}

// Torch pads both ends alike. An image that is not padded so by the window gets its padding here,
// of `value`, and none later.
struct PaddedImage {
  at::Tensor image;
  std::array<int64_t, 2> padding;  // left to do at either end of height and width
};
PaddedImage PadSymmetrically(const at::Tensor& channels_second, const Window& window, float value);
// All of it.
at::Tensor Pad(const at::Tensor& channels_second, const Window& window, float value);

}  // namespace adze
