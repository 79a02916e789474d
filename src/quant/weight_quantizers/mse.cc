// The scale of each channel with the least squared error of its weights. A range below the largest
// weight clips a few of them and rounds the others more finely, which pays the more the fewer bits
// there are (Banner et al. 2019, "Post training 4-bit quantization", without their assumption of a
// distribution).
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "adze/parallel.h"
#include "adze/weight_quantizer.h"
#include "quant/channel_layout.h"

namespace adze {
namespace {

// Of the scale that the channel's range gives: 1.00, 0.99, ... 0.30.
constexpr int kFirstPercent = 100, kLastPercent = 30;
constexpr int kMostRefits = 20;

// |x| < 2^22 to the nearest integer, half to even, in a way that compilers can vectorize.
inline float RoundToEven(float x) {
  constexpr float kOnes = 12582912;  // 1.5 * 2^23: a float this large has no fraction
  return (x + kOnes) - kOnes;
}

struct Range {
  float lowest, highest;
};

inline float Code(float w, float scale, Range range) {
  return RoundToEven(std::min(std::max(w / scale, range.lowest), range.highest));
}

// sum f(w), always in the same order: in float32 over short runs of each lane, then in double.
template <typename Function>
double Sum(std::span<const float> weights, const Function& f) {
  constexpr size_t kLanes = 16, kRun = 64 * kLanes;
  double sum = 0;
  size_t i = 0;
  for (; i + kLanes <= weights.size();) {
    std::array<float, kLanes> lanes = {};
    for (const size_t end = std::min(weights.size(), i + kRun); i + kLanes <= end; i += kLanes) {
      for (size_t k = 0; k < kLanes; ++k) lanes[k] += f(weights[i + k]);
    }
    for (float lane : lanes) sum += lane;
  }
  for (; i < weights.size(); ++i) sum += f(weights[i]);
  return sum;
}

double SquaredError(std::span<const float> weights, float scale, Range range) {
  return Sum(weights, [=](float w) {
    const float error = w - Code(w, scale, range) * scale;
    return error * error;
  });
}

// For given integers q the best scale is sum(w q) / sum(q^2).
float Refit(std::span<const float> weights, float scale, Range range) {
  const double product = Sum(weights, [=](float w) { return w * Code(w, scale, range); });
  const double square = Sum(weights, [=](float w) {
    const float q = Code(w, scale, range);
    return q * q;
  });
  return square > 0 ? static_cast<float>(product / square) : scale;
}

float Search(std::span<const float> weights, float full, Range range) {
  float best = full;
  double least = SquaredError(weights, full, range);
  auto keep_if_better = [&](float scale) {
    const double error = SquaredError(weights, scale, range);
    if (!(error < least)) return false;
    least = error;
    best = scale;
    return true;
  };
  for (int percent = kFirstPercent - 1; percent >= kLastPercent; --percent) {
    keep_if_better(full * (static_cast<float>(percent) / 100));
  }
  for (int i = 0; i < kMostRefits; ++i) {
    const float scale = Refit(weights, best, range);
    if (!(scale > 0) || !std::isfinite(1 / scale) || !keep_if_better(scale)) break;
  }
  return best;
}

WeightFactors Compute(const Tensor& weight, const std::vector<int>& channel_axes,
                      const WeightConfig& config) {
  WeightFactors factors{WeightParamsArq(weight, channel_axes, config.num_bits)};
  const ChannelLayout layout = LayoutOfChannels(weight.shape(), channel_axes);
  const size_t size = weight.num_elements(), each = size / layout.channels;
  std::vector<float> sorted(size);  // channel by channel
  std::vector<size_t> next(layout.channels);
  for (int64_t c = 0; c < layout.channels; ++c) next[c] = c * each;
  const std::span<const float> values = weight.data<float>();
  layout.ForEach(size, [&](size_t i, int64_t channel) { sorted[next[channel]++] = values[i]; });

  const Range range{static_cast<float>(QuantMin(config.num_bits)),
                    static_cast<float>(QuantMax(config.num_bits))};
  ParallelFor(layout.channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      float& scale = factors.params.scale[c];
      scale = Search(std::span(sorted).subspan(c * each, each), scale, range);
    }
  });
  return factors;
}

}  // namespace

void register_mse(WeightQuantizerRegistry& quantizers) {
  quantizers.Add({.name = "mse",
                  .summary = "the scale of each channel with the least squared error",
                  .compute = Compute});
}

}  // namespace adze
