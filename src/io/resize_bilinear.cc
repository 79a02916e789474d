#include <algorithm>
#include <cmath>

#include "adze/dataset.h"
#include "io/resize.h"

namespace adze {
namespace {

// Weights are integers with so many bits after the point, which leaves room for 8 bits of value and
// two of sum.
constexpr int kWeightBits = 32 - 8 - 2;
constexpr int kHalf = 1 << (kWeightBits - 1);

// Which inputs make each output, and how much of each: output i is the sum of weights[i * taps + k]
// * input[first[i] + k] over k < count[i].
struct Weights {
  int taps = 0;
  std::vector<int> first, count;
  std::vector<int32_t> weight;
};

// A triangle as wide as one input pixel, or one output pixel where that is wider. The order of the
// operations is Pillow's: in double precision, so the integers come out the same.
Weights TriangleWeights(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(scale, 1.0);
  Weights weights;
  weights.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  weights.weight.resize(to * weights.taps);
  std::vector<double> exact(weights.taps);
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const double inverse = 1.0 / support;
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), static_cast<int>(from));
    double sum = 0;
    for (int k = 0; k < end - begin; ++k) {
      const double distance = std::abs((k + begin - center + 0.5) * inverse);
      exact[k] = distance < 1.0 ? 1.0 - distance : 0.0;
      sum += exact[k];
    }
    for (int k = 0; k < end - begin; ++k) {
      if (sum != 0) exact[k] /= sum;
      weights.weight[i * weights.taps + k] = static_cast<int>(0.5 + exact[k] * (1 << kWeightBits));
    }
    weights.first.push_back(begin);
    weights.count.push_back(end - begin);
  }
  return weights;
}

// The weights of an output are positive and sum to one (and a few units), so that the sum needs no
// clipping below.
uint8_t ToByte(uint32_t sum) { return static_cast<uint8_t>(std::min(sum >> kWeightBits, 255u)); }

// One row: out[x][c] of `to` pixels.
template <int kChannels>
void ResizeRow(const Weights& weights, const uint8_t* in, int64_t to, uint8_t* out) {
  for (int64_t x = 0; x < to; ++x) {
    const int32_t* weight = &weights.weight[x * weights.taps];
    const uint8_t* pixel = in + int64_t{weights.first[x]} * kChannels;
    uint32_t sum[kChannels];
    std::fill_n(sum, kChannels, kHalf);
    for (int k = 0; k < weights.count[x]; ++k) {
      for (int c = 0; c < kChannels; ++c) sum[c] += weight[k] * pixel[k * kChannels + c];
    }
    for (int c = 0; c < kChannels; ++c) out[x * kChannels + c] = ToByte(sum[c]);
  }
}

// One row of the result from rows that are already as wide as it. Adds row after row, so that the
// inner loop is over neighbours.
void MixRows(const int32_t* weight, int count, const uint8_t* in, int64_t stride, uint32_t* sum,
             uint8_t* out) {
  std::fill_n(sum, stride, kHalf);
  for (int k = 0; k < count; ++k) {
    const uint32_t w = weight[k];
    const uint8_t* row = in + k * stride;
    for (int64_t x = 0; x < stride; ++x) sum[x] += w * row[x];
  }
  for (int64_t x = 0; x < stride; ++x) out[x] = ToByte(sum[x]);
}

}  // namespace

void ResizeBilinear(const ImageView& in, int64_t height, int64_t width, uint8_t* out) {
  const int64_t stride = width * in.channels;
  const Weights down = TriangleWeights(in.height, height);
  // Only the rows that the second pass reads.
  const int64_t first = down.first.front(), last = down.first.back() + down.count.back();
  std::vector<uint8_t> narrow((last - first) * stride);
  const bool same_width = width == in.width, same_height = height == in.height;
  const Weights across = same_width ? Weights() : TriangleWeights(in.width, width);
  for (int64_t y = first; y < last; ++y) {
    const uint8_t* row = in.pixels + y * in.stride;
    uint8_t* to = same_height ? out + y * stride : &narrow[(y - first) * stride];
    if (same_width) {
      std::copy_n(row, stride, to);
    } else if (in.channels == 3) {
      ResizeRow<3>(across, row, width, to);
    } else {
      ResizeRow<1>(across, row, width, to);
    }
  }
  if (same_height) return;
  std::vector<uint32_t> sum(stride);
  for (int64_t y = 0; y < height; ++y) {
    MixRows(&down.weight[y * down.taps], down.count[y], &narrow[(down.first[y] - first) * stride],
            stride, sum.data(), out + y * stride);
  }
}

Tensor ResizeBilinear(const Tensor& image, int64_t height, int64_t width) {
  const Shape& shape = image.shape();
  Require(image.dtype() == DType::kUint8 && shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3) &&
              image.num_elements() > 0,
          ErrorCode::kInvalidArgument, "an image is uint8 [height, width, 1 or 3], not ",
          Name(image.dtype()), " ", shape.ToString());
  Require(height > 0 && width > 0, ErrorCode::kInvalidArgument, "an image of ", height, " x ",
          width, " pixels was asked for");
  Tensor result(DType::kUint8, {height, width, shape[2]});
  ResizeBilinear({.pixels = image.data<uint8_t>().data(),
                  .height = shape[0],
                  .width = shape[1],
                  .channels = shape[2],
                  .stride = shape[1] * shape[2]},
                 height, width, result.mutable_data<uint8_t>().data());
  return result;
}

}  // namespace adze
