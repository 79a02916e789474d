#include <algorithm>
#include <array>
#include <cmath>

#include "adze/parallel.h"
#include "ops/support/resize.h"
#include "ops/support/rows.h"

namespace adze {
namespace {

constexpr int kTableSize = 1024;

// Weights of a pixel at distance i / kTableSize (even entries) and 1 more (odd entries), as
// TensorFlow tabulates them: a = -0.5 is Keys's kernel, -0.75 its older one.
std::array<float, 2 * (kTableSize + 1)> MakeTable(double a) {
  std::array<float, 2 * (kTableSize + 1)> table{};
  for (int i = 0; i <= kTableSize; ++i) {
    float x = static_cast<float>(i * 1.0 / kTableSize);
    table[2 * i] = static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1);
    x += 1.0f;
    table[2 * i + 1] = static_cast<float>(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
  }
  return table;
}

// The four pixels that make one.
struct Taps {
  std::array<int64_t, 4> at;
  std::array<float, 4> weight;
};

std::vector<Taps> CubicTaps(const Node& node, int64_t in, int64_t out) {
  static const auto kKeys = MakeTable(-0.5), kOlder = MakeTable(-0.75);
  const bool half_pixel = HasHalfPixelCenters(node);
  const auto& table = half_pixel ? kKeys : kOlder;
  const float scale = ResizeScale(node, in, out);
  std::vector<Taps> all(out);
  for (int64_t i = 0; i < out; ++i) {
    const float place =
        half_pixel ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
    const auto first = static_cast<int64_t>(std::floor(place));
    const auto offset = std::lrintf((place - static_cast<float>(first)) * kTableSize);
    Taps& taps = all[i];
    taps.weight = {table[2 * offset + 1], table[2 * offset], table[2 * (kTableSize - offset)],
                   table[2 * (kTableSize - offset) + 1]};
    float sum = 0;
    for (int k = 0; k < 4; ++k) {
      taps.at[k] = std::clamp<int64_t>(first - 1 + k, 0, in - 1);
      // Pixels outside of the image do not count; the older kernel repeats the edge.
      if (half_pixel && taps.at[k] != first - 1 + k) taps.weight[k] = 0;
      sum += taps.weight[k];
    }
    if (half_pixel && sum != 0) {
      for (float& weight : taps.weight) weight /= sum;
    }
  }
  return all;
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (outputs[0].num_elements() == 0) return;
  const Tensor image = Cast(inputs[0], DType::kFloat);
  const Shape &from = image.shape(), &to = outputs[0].shape();
  const int64_t channels = from[3], row_size = from[2] * channels;
  const std::vector<Taps> ys = CubicTaps(node, from[1], to[1]),
                          xs = CubicTaps(node, from[2], to[2]);
  const float* in = image.data<float>().data();
  float* out = outputs[0].mutable_data<float>().data();
  ParallelFor(to[0] * to[1], 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Taps& y = ys[row % to[1]];
      const float* batch = in + row / to[1] * from[1] * row_size;
      float* pixel = out + row * to[2] * channels;
      for (const Taps& x : xs) {
        for (int64_t c = 0; c < channels; ++c) {
          float sum = 0;
          for (int k = 0; k < 4; ++k) {
            float column = 0;
            for (int j = 0; j < 4; ++j) {
              column += batch[y.at[j] * row_size + x.at[k] * channels + c] * y.weight[j];
            }
            sum += column * x.weight[k];
          }
          *pixel++ = sum;
        }
      }
    }
  });
}

}  // namespace

void register_resize_bicubic(OpRegistry& ops) {
  ops.Add({.name = "ResizeBicubic",
           .summary = "Resizes images, cubic between pixels",
           .infer = InferFloatResize,
           .evaluate = Evaluate,
           .keeps_rows = RowsOfInput<0>});
}

}  // namespace adze
