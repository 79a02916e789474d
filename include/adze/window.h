#pragma once

#include <cstdint>

#include "adze/graph.h"
#include "adze/shape.h"

namespace adze {

// Which axes of a rank-4 tensor are channels, height and width; the batch is axis 0.
struct ImageLayout {
  bool channels_first = false;  // NCHW
  int channel() const { return channels_first ? 1 : 3; }
  int height() const { return channels_first ? 2 : 1; }
  int width() const { return height() + 1; }
};

// From the attribute data_format (absent: NHWC). kUnsupported for any other.
ImageLayout LayoutOf(const Node& node);

// Dimensions in that layout.
Shape ImageShape(ImageLayout layout, int64_t batch, int64_t height, int64_t width,
                 int64_t channels);

// How a kernel slides along one axis: output position o reads the input positions
// o * stride - pad_before + k * dilation, k = 0..kernel - 1. Sizes that are not known are
// Shape::kUnknown; then the padding of SAME is not known either and is 0.
struct WindowAxis {
  int64_t input = Shape::kUnknown, output = Shape::kUnknown;
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t pad_before = 0, pad_after = 0;
};

struct Window {
  ImageLayout layout;
  WindowAxis height, width;
};

// The window of a convolution or pooling over an image of the given shape (in the node's
// data_format), from the attributes strides, dilations, padding, explicit_paddings and data_format.
// For a transposed convolution the image is the node's output. The dilations of
// DepthwiseConv2dNative do nothing, as in TensorFlow 1.15. kBadFile names what is wrong: the
// rank, a stride or kernel below 1, a stride over batch or channels, a kernel larger than the
// image.
Window WindowOver(const Node& node, const Shape& image, int64_t kernel_height,
                  int64_t kernel_width);
// The same with the kernel from the attribute ksize.
Window PoolWindowOver(const Node& node, const Shape& image);

}  // namespace adze
