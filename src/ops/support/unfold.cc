#include "ops/support/unfold.h"

#include <algorithm>

#include "adze/window.h"

namespace adze {

void UnfoldImage(const Node& node, const Tensor& data, std::span<const int64_t> positions,
                 std::span<float> out) {
  const Shape& filter =
      node.input(node.def()->quant->weight_input.value()).node->const_value().shape();
  const auto [layout, h, w] = WindowOver(node, data.shape(), filter[0], filter[1]);
  Check(!layout.channels_first, "images to unfold are NHWC");
  const int64_t channels = data.shape()[3];
  const float* const in = data.data<float>().data();
  float* to = out.data();
  for (int64_t position : positions) {
    const int64_t ow = position % w.output, oh = position / w.output % h.output;
    const int64_t image = position / w.output / h.output;
    for (int64_t kh = 0; kh < h.kernel; ++kh) {
      const int64_t ih = oh * h.stride - h.pad_before + kh * h.dilation;
      for (int64_t kw = 0; kw < w.kernel; ++kw, to += channels) {
        const int64_t iw = ow * w.stride - w.pad_before + kw * w.dilation;
        if (ih < 0 || ih >= h.input || iw < 0 || iw >= w.input) {
          std::fill_n(to, channels, 0.0f);
        } else {
          std::copy_n(in + ((image * h.input + ih) * w.input + iw) * channels, channels, to);
        }
      }
    }
  }
}

void UnfoldRows(const Node&, const Tensor& data, std::span<const int64_t> positions,
                std::span<float> out) {
  const int64_t width = data.shape()[1];
  float* to = out.data();
  for (int64_t row : positions) {
    to = std::copy_n(data.data<float>().data() + row * width, width, to);
  }
}

}  // namespace adze
