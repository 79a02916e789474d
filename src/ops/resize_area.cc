#include <algorithm>
#include <cmath>

#include "adze/parallel.h"
#include "ops/support/image.h"
#include "ops/support/resize.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

// The input rows (or columns) that one output row covers, each with the part of it that is covered.
struct Cover {
  std::vector<int64_t> positions;
  std::vector<float> parts;
};

std::vector<Cover> Covers(const Node& node, int64_t in, int64_t out) {
  const float scale = ResizeScale(node, in, out);
  std::vector<Cover> covers(out);
  for (int64_t i = 0; i < out; ++i) {
    const float begin = static_cast<float>(i) * scale, end = static_cast<float>(i + 1) * scale;
    for (auto at = static_cast<int64_t>(std::floor(begin)); at < std::ceil(end); ++at) {
      const auto low = static_cast<float>(at), high = static_cast<float>(at + 1);
      float part = high > end ? end - low : 1.0f;
      if (low < begin) part = high > end ? scale : high - begin;
      covers[i].positions.push_back(std::clamp<int64_t>(at, 0, in - 1));
      covers[i].parts.push_back(part);
    }
  }
  return covers;
}

// Each output pixel is the mean of the input under it. Always float32.
void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (outputs[0].num_elements() == 0) return;
  const Tensor image = Cast(inputs[0], DType::kFloat);
  const Shape &from = image.shape(), &to = outputs[0].shape();
  const int64_t channels = from[3];
  const std::vector<Cover> ys = Covers(node, from[1], to[1]), xs = Covers(node, from[2], to[2]);
  const float factor =
      1.0f / (ResizeScale(node, from[1], to[1]) * ResizeScale(node, from[2], to[2]));
  const float* in = image.data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(to[0] * to[1], 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Cover& y = ys[row % to[1]];
      for (int64_t column = 0; column < to[2]; ++column) {
        const Cover& x = xs[column];
        float* pixel = out + (row * to[2] + column) * channels;
        std::fill_n(pixel, channels, 0.0f);
        for (size_t i = 0; i < y.parts.size(); ++i) {
          const float* line = in + (row / to[1] * from[1] + y.positions[i]) * from[2] * channels;
          for (size_t j = 0; j < x.parts.size(); ++j) {
            const float part = y.parts[i] * x.parts[j] * factor;
            const float* source = line + x.positions[j] * channels;
            for (int64_t c = 0; c < channels; ++c) pixel[c] += source[c] * part;
          }
        }
      }
    }
  });
}

}  // namespace

void register_resize_area(OpRegistry& ops) {
  ops.Add({.name = "ResizeArea",
           .summary = "Resizes images, each pixel the mean of what it covers",
           .infer = InferFloatResize,
           .evaluate = Evaluate,
           .keeps_rows = RowsOfInput<0>});
}

}  // namespace adze
