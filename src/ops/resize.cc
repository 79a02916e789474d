#include "ops/support/resize.h"

#include <cmath>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

// An output position lies between two input positions.
struct Tap {
  int64_t lower, upper;
  float weight;  // of upper
};

std::vector<Tap> LinearTaps(const Node& node, int64_t in, int64_t out) {
  const float scale = ResizeScale(node, in, out);
  std::vector<Tap> taps(out);
  for (int64_t i = 0; i < out; ++i) {
    const float at = HasHalfPixelCenters(node) ? (static_cast<float>(i) + 0.5f) * scale - 0.5f
                                               : static_cast<float>(i) * scale;
    const float floor = std::floor(at);
    taps[i] = {std::clamp<int64_t>(static_cast<int64_t>(floor), 0, in - 1),
               std::clamp<int64_t>(static_cast<int64_t>(std::ceil(at)), 0, in - 1), at - floor};
  }
  return taps;
}

std::vector<int64_t> NearestTaps(const Node& node, int64_t in, int64_t out) {
  const float scale = ResizeScale(node, in, out);
  std::vector<int64_t> taps(out);
  for (int64_t i = 0; i < out; ++i) {
    const float at = (static_cast<float>(i) + (HasHalfPixelCenters(node) ? 0.5f : 0.0f)) * scale;
    const float nearest = AlignsCorners(node) ? std::round(at) : std::floor(at);
    taps[i] = std::clamp<int64_t>(static_cast<int64_t>(nearest), 0, in - 1);
  }
  return taps;
}

// Always float32, whatever numbers the image has.
void EvaluateBilinear(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (outputs[0].num_elements() == 0) return;
  const Tensor image = Cast(inputs[0], DType::kFloat);
  const Shape &from = image.shape(), &to = outputs[0].shape();
  const int64_t channels = from[3], row_size = from[2] * channels;
  const std::vector<Tap> ys = LinearTaps(node, from[1], to[1]);
  const std::vector<Tap> xs = LinearTaps(node, from[2], to[2]);
  const float* in = image.data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(to[0] * to[1], 1 + 4096 / (to[2] * channels), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Tap& y = ys[row % to[1]];
      const float* top = in + (row / to[1] * from[1] + y.lower) * row_size;
      const float* bottom = in + (row / to[1] * from[1] + y.upper) * row_size;
      float* pixel = out + row * to[2] * channels;
      for (const Tap& x : xs) {
        const int64_t left = x.lower * channels, right = x.upper * channels;
        for (int64_t c = 0; c < channels; ++c) {
          const float above = top[left + c] + (top[right + c] - top[left + c]) * x.weight;
          const float below = bottom[left + c] + (bottom[right + c] - bottom[left + c]) * x.weight;
          pixel[c] = above + (below - above) * y.weight;
        }
        pixel += channels;
      }
    }
  });
}

void EvaluateNearest(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (outputs[0].num_elements() == 0) return;
  const Shape &from = inputs[0].shape(), &to = outputs[0].shape();
  const size_t size = from[3] * SizeOf(inputs[0].dtype());
  const std::vector<int64_t> ys = NearestTaps(node, from[1], to[1]);
  const std::vector<int64_t> xs = NearestTaps(node, from[2], to[2]);
  const char* in = static_cast<const char*>(inputs[0].raw());
  char* out = static_cast<char*>(outputs[0].mutable_raw());
  ParallelFor(to[0] * to[1], 1 + 4096 / to[2], [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const char* source = in + (row / to[1] * from[1] + ys[row % to[1]]) * from[2] * size;
      char* target = out + row * to[2] * size;
      for (int64_t x : xs) target = std::copy_n(source + x * size, size, target);
    }
  });
}

}  // namespace

void register_resize(OpRegistry& ops) {
  ops.Add({.name = "ResizeBilinear",
           .summary = "Resizes images, linear between pixels",
           .infer = InferFloatResize,
           .evaluate = EvaluateBilinear,
           .keeps_rows = RowsOfInput<0>});
  ops.Add({.name = "ResizeNearestNeighbor",
           .summary = "Resizes images, repeating or dropping pixels",
           .infer =
               [](const ShapeContext& context) {
                 return std::vector<TensorSpec>{{FixedSizeType(context), InferResize(context)}};
               },
           .evaluate = EvaluateNearest,
           .keeps_rows = RowsOfInput<0>,
           .moves_data_only = true});
}

}  // namespace adze
