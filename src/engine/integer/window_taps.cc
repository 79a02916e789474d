#include "engine/integer/window_taps.h"

#include "adze/window.h"
#include "engine/integer/ops.h"

namespace adze::integer {
namespace {

AxisTaps Forward(const WindowAxis& axis, int64_t extra_pad) {
  AxisTaps taps{.count = axis.output, .source_step = axis.stride, .offset = {}, .tap = {}};
  for (int64_t k = 0; k < axis.kernel; ++k) {
    taps.offset.push_back(k * axis.dilation - axis.pad_before - extra_pad);
    taps.tap.push_back(k);
  }
  return taps;
}

// Output position p reads the source at s where p = s * stride - pad + k: of the positions
// phase, phase + stride, ... every one through the same taps.
AxisTaps Transposed(const WindowAxis& axis, int64_t phase) {
  AxisTaps taps{.origin = phase,
                .out_step = axis.stride,
                .count = (axis.input - phase + axis.stride - 1) / axis.stride,
                .offset = {},
                .tap = {}};
  for (int64_t k = 0; k < axis.kernel; ++k) {
    const int64_t position = phase + axis.pad_before - k;
    if (position % axis.stride != 0) continue;
    taps.offset.push_back(position / axis.stride);
    taps.tap.push_back(k);
  }
  return taps;
}

}  // namespace

std::vector<Phase> PhasesOf(const KernelRequest& request) {
  const Node& node = request.node;
  const std::string op = FloatOpOf(node.op());
  if (op == "MatMul") return {Phase{}};
  const Shape& filter = request.inputs[1].shape;
  if (op == "Conv2D") {
    const Shape image = Padded(node, request.inputs[0].shape);
    const Window window = WindowOver(node, image, filter[0], filter[1]);
    const auto pad = node.attr<std::vector<int64_t>>("pad", {0, 0, 0, 0});
    return {Phase{Forward(window.height, pad[0]), Forward(window.width, pad[2])}};
  }
  const Window window = WindowOver(node, request.outputs[0].shape, filter[0], filter[1]);
  std::vector<Phase> phases;
  for (int64_t y = 0; y < std::min(window.height.stride, window.height.input); ++y) {
    for (int64_t x = 0; x < std::min(window.width.stride, window.width.input); ++x) {
      phases.push_back({Transposed(window.height, y), Transposed(window.width, x)});
    }
  }
  return phases;
}

}  // namespace adze::integer
