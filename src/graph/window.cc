#include "adze/window.h"

#include <algorithm>

#include "adze/error.h"

namespace adze {
namespace {

// TensorFlow's own bound. It keeps every sum and product of sizes here within int64_t.
constexpr int64_t kMost = (int64_t{1} << 31) - 1;

struct PerAxis {
  int64_t height, width;
};

// An attribute with one integer per axis of the image; 1 each if it is absent and may be.
PerAxis AxesOf(const Node& node, std::string_view name, ImageLayout layout, bool optional) {
  if (optional && !node.attrs().contains(name)) return {1, 1};
  const auto& values = node.attr<std::vector<int64_t>>(name);
  Require(values.size() == 4, ErrorCode::kBadFile, node.op(), " attribute '", name, "' has ",
          values.size(), " values, needs 4");
  for (int64_t value : values) {
    Require(value >= 1 && value <= kMost, ErrorCode::kBadFile, node.op(), " attribute '", name,
            "' holds ", value, "; each must be at least 1");
  }
  Require(values[0] == 1 && values[layout.channel()] == 1, ErrorCode::kUnsupported, node.op(),
          " attribute '", name, "' must be 1 for batch and channels");
  return {values[layout.height()], values[layout.width()]};
}

// Sets output, pad_before and pad_after from the rest; explicit padding is already there.
void Place(const Node& node, const std::string& padding, WindowAxis& axis) {
  const bool kernel_known = axis.kernel != Shape::kUnknown;
  Require(!kernel_known || (axis.kernel >= 1 && axis.kernel <= kMost), ErrorCode::kBadFile,
          node.op(), " has a kernel ", axis.kernel, " long");
  if (axis.input == Shape::kUnknown) return;
  Require(axis.input >= 0 && axis.input <= kMost, ErrorCode::kBadFile, node.op(), " has an image ",
          axis.input, " long");
  const int64_t extent = (axis.kernel - 1) * axis.dilation + 1;
  if (padding == "SAME") {
    axis.output = (axis.input + axis.stride - 1) / axis.stride;
    if (!kernel_known) return;
    const int64_t pads =
        std::max<int64_t>(0, (axis.output - 1) * axis.stride + extent - axis.input);
    axis.pad_before = pads / 2;
    axis.pad_after = pads - axis.pad_before;
    return;
  }
  if (!kernel_known) return;
  const int64_t slack = axis.input + axis.pad_before + axis.pad_after - extent;
  Require(slack + axis.stride >= 0, ErrorCode::kBadFile, node.op(), " has a kernel reaching over ",
          extent, " positions of an image ", axis.input, " long");
  axis.output = (slack + axis.stride) / axis.stride;
}

void SetExplicit(const Node& node, Window& window) {
  const auto& pads = node.attr<std::vector<int64_t>>("explicit_paddings");
  Require(pads.size() == 8, ErrorCode::kBadFile, node.op(), " attribute 'explicit_paddings' has ",
          pads.size(), " values, needs 8");
  for (int64_t pad : pads) {
    Require(pad >= 0 && pad <= kMost, ErrorCode::kBadFile, node.op(),
            " attribute 'explicit_paddings' holds ", pad);
  }
  const int channel = 2 * window.layout.channel();
  Require(pads[0] == 0 && pads[1] == 0 && pads[channel] == 0 && pads[channel + 1] == 0,
          ErrorCode::kBadFile, node.op(), " pads batch or channels");
  window.height.pad_before = pads[2 * window.layout.height()];
  window.height.pad_after = pads[2 * window.layout.height() + 1];
  window.width.pad_before = pads[2 * window.layout.width()];
  window.width.pad_after = pads[2 * window.layout.width() + 1];
}

}  // namespace

ImageLayout LayoutOf(const Node& node) {
  const std::string format = node.attr<std::string>("data_format", "NHWC");
  Require(format == "NHWC" || format == "NCHW", ErrorCode::kUnsupported, node.op(), " data_format ",
          format, " is not supported; NHWC and NCHW are");
  return {.channels_first = format == "NCHW"};
}

Shape ImageShape(ImageLayout layout, int64_t batch, int64_t height, int64_t width,
                 int64_t channels) {
  if (layout.channels_first) return {batch, channels, height, width};
  return {batch, height, width, channels};
}

Window WindowOver(const Node& node, const Shape& image, int64_t kernel_height,
                  int64_t kernel_width) {
  Window window;
  window.layout = LayoutOf(node);
  const std::string& padding = node.attr<std::string>("padding");
  Require(padding == "SAME" || padding == "VALID" || padding == "EXPLICIT", ErrorCode::kBadFile,
          node.op(), " padding '", padding, "' is none of SAME, VALID and EXPLICIT");
  const PerAxis strides = AxesOf(node, "strides", window.layout, false);
  PerAxis dilations = AxesOf(node, "dilations", window.layout, true);
  // TensorFlow 1.15's CPU kernel accepts dilations of this op and ignores them, whatever the
  // documentation says; real dilated depthwise layers come as SpaceToBatchND around it.
  if (node.op() == "DepthwiseConv2dNative") dilations = {1, 1};
  window.height = {.kernel = kernel_height, .stride = strides.height, .dilation = dilations.height};
  window.width = {.kernel = kernel_width, .stride = strides.width, .dilation = dilations.width};
  if (padding == "EXPLICIT") SetExplicit(node, window);
  if (image.known_rank()) {
    Require(image.rank() == 4, ErrorCode::kBadFile, node.op(), " of an image of shape ",
            image.ToString(), "; the rank must be 4");
    window.height.input = image[window.layout.height()];
    window.width.input = image[window.layout.width()];
  }
  Place(node, padding, window.height);
  Place(node, padding, window.width);
  return window;
}

Window PoolWindowOver(const Node& node, const Shape& image) {
  const PerAxis kernel = AxesOf(node, "ksize", LayoutOf(node), false);
  return WindowOver(node, image, kernel.height, kernel.width);
}

}  // namespace adze
