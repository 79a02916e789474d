#include "engine/torch/support/image.h"

namespace adze {

at::Tensor ChannelsSecond(const Node& node, const at::Tensor& image) {
  return LayoutOf(node).channels_first ? image : image.permute({0, 3, 1, 2});
}

at::Tensor InLayoutOf(const Node& node, const at::Tensor& image) {
  return LayoutOf(node).channels_first ? image : image.permute({0, 2, 3, 1});
}

at::Tensor Pad(const at::Tensor& image, const Window& window, float value) {
  const auto [h, w] = std::pair(window.height, window.width);
  if (h.pad_before == 0 && h.pad_after == 0 && w.pad_before == 0 && w.pad_after == 0) return image;
  return at::constant_pad_nd(image, {w.pad_before, w.pad_after, h.pad_before, h.pad_after}, value);
}

PaddedImage PadSymmetrically(const at::Tensor& image, const Window& window, float value) {
  const auto [h, w] = std::pair(window.height, window.width);
  if (h.pad_before == h.pad_after && w.pad_before == w.pad_after) {
    return {image, {h.pad_before, w.pad_before}};
  }
  return {Pad(image, window, value), {0, 0}};
}

}  // namespace adze
