#pragma once

#include <algorithm>
#include <dnnl.hpp>

#include "adze/window.h"
#include "engine/kernel.h"

namespace adze::onednn {

// A window in oneDNN's terms.
struct ImageWindow {
  dnnl::memory::dims kernel, strides, dilations, pad_before, pad_after;
};

// The zeros of a folded Pad belong to the window's padding.
inline ImageWindow MakeImageWindow(const Window& window, const FoldedPad& pad) {
  const WindowAxis* axes[2] = {&window.height, &window.width};
  ImageWindow result;
  for (int i = 0; i < 2; ++i) {
    const WindowAxis& axis = *axes[i];
    result.kernel.push_back(axis.kernel);
    result.strides.push_back(axis.stride);
    result.dilations.push_back(axis.dilation - 1);
    const int64_t before = axis.pad_before + pad.before[i];
    const int64_t input = axis.input - pad.before[i] - pad.after[i];
    const int64_t reach = (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
    result.pad_before.push_back(before);
    // Rows that no position of the window reaches are negative padding, which is none.
    result.pad_after.push_back(std::max<int64_t>(reach - before - input, 0));
  }
  return result;
}

// Shape before the folded Pad to shape after it, [N, H, W, C].
inline Shape PaddedShape(Shape image, const FoldedPad& pad) {
  for (int i = 0; i < 2; ++i) image[i + 1] += pad.before[i] + pad.after[i];
  return image;
}

inline bool IsFloatImage(const TensorSpec& spec) {
  return spec.dtype == DType::kFloat && spec.shape.rank() == 4 && spec.shape.num_elements() > 0;
}

}  // namespace adze::onednn
