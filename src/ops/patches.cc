#include "adze/op.h"
#include "adze/window.h"
#include "ops/support/copy.h"
#include "ops/support/image.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// Along one axis: windows of `size` taps `rate` apart, `stride` from one to the next.
struct Axis {
  int64_t size, stride, rate, windows, before;
};

int64_t At(const Node& node, const char* attr, int axis) {
  const auto& values = node.attr<std::vector<int64_t>>(attr);
  Require(values.size() == 4 && values[0] == 1 && values[3] == 1, ErrorCode::kBadFile, node.op(),
          " attribute '", attr, "' is not [1, rows, columns, 1]");
  const int64_t value = values[1 + axis];
  Require(value >= 1 && value <= INT32_MAX, ErrorCode::kBadFile, node.op(), " attribute '", attr,
          "' has ", value);
  return value;
}

Axis AxisOf(const Node& node, int axis, int64_t length) {
  Axis result{At(node, "ksizes", axis), At(node, "strides", axis), At(node, "rates", axis),
              Shape::kUnknown, 0};
  if (length < 0) return result;
  const int64_t span = CheckedAdd(CheckedMul(result.size - 1, result.rate), 1);
  const std::string& padding = node.attr<std::string>("padding");
  Require(padding == "SAME" || padding == "VALID", ErrorCode::kBadFile, node.op(), " padding '",
          padding, "'");
  if (padding == "VALID") {
    result.windows = std::max<int64_t>(0, (length - span + result.stride) / result.stride);
  } else {
    result.windows = (length + result.stride - 1) / result.stride;
    const int64_t covered = (result.windows - 1) * result.stride + span;
    result.before = std::max<int64_t>(0, covered - length) / 2;
  }
  return result;
}

// image [N, H, W, C] to [N, rows, columns, ksize * ksize * C].
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  Shape shape = ShapeOfRank(context, 0, 4);
  const Axis y = AxisOf(context.node, 0, shape[1]), x = AxisOf(context.node, 1, shape[2]);
  shape[1] = y.windows;
  shape[2] = x.windows;
  if (shape[3] >= 0) shape[3] = CheckedMul(CheckedMul(y.size, x.size), shape[3]);
  return {{FixedSizeType(context), shape}};
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape &from = inputs[0].shape(), &to = outputs[0].shape();
  const Axis y = AxisOf(node, 0, from[1]), x = AxisOf(node, 1, from[2]);
  const size_t pixel = from[3] * SizeOf(inputs[0].dtype());
  const auto* in = static_cast<const char*>(inputs[0].raw());
  auto* out = static_cast<char*>(outputs[0].mutable_raw());
  for (int64_t window = 0; window < to[0] * to[1] * to[2]; ++window) {
    const int64_t column = window % to[2], row = window / to[2] % to[1];
    const int64_t image = window / (to[1] * to[2]);
    for (int64_t tap = 0; tap < y.size * x.size; ++tap, out += pixel) {
      const int64_t iy = row * y.stride + tap / x.size * y.rate - y.before;
      const int64_t ix = column * x.stride + tap % x.size * x.rate - x.before;
      if (iy < 0 || iy >= from[1] || ix < 0 || ix >= from[2]) {
        std::fill_n(out, pixel, '\0');
      } else {
        std::copy_n(in + ((image * from[1] + iy) * from[2] + ix) * pixel, pixel, out);
      }
    }
  }
}

}  // namespace

void register_patches(OpRegistry& ops) {
  ops.Add({.name = "ExtractImagePatches",
           .summary = "Windows of an image, each as one row of numbers",
           .infer = Infer,
           .evaluate = Evaluate});
}

}  // namespace adze
