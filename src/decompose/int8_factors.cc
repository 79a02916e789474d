#include "decompose/int8_factors.h"

#include <algorithm>
#include <cmath>

#include "adze/quant.h"
#include "decompose/product_kernel.h"

namespace adze {
namespace {

// The values on the 8-bit scales of their output channels, which run fastest.
std::vector<float> OnEightBits(std::span<const float> values, int64_t outputs) {
  const auto rows = static_cast<int64_t>(values.size()) / outputs;
  const Tensor weight =
      Tensor::From<float>({rows, outputs}, std::vector<float>(values.begin(), values.end()));
  const Tensor rounded = DequantizeWeight(QuantizeWeightArq(weight, {1}, 8), {1});
  const std::span<const float> result = rounded.data<float>();
  return {result.begin(), result.end()};
}

float LargestInColumn(const Factor& factor, int64_t column) {
  const int64_t columns = factor.outputs();
  float largest = 0;
  for (size_t i = column; i < factor.values.size(); i += columns) {
    largest = std::max(largest, std::abs(factor.values[i]));
  }
  return largest;
}

// Calls f(value) for what a kernel multiplies with an input channel.
template <typename F>
void ForInput(Factor& factor, int64_t channel, F f) {
  const int64_t taps = factor.kernel[0] * factor.kernel[1];
  const int64_t inputs = factor.kernel[2], outputs = factor.kernel[3];
  for (int64_t t = 0; t < taps; ++t) {
    float* row = factor.values.data() + (t * inputs + channel) * outputs;
    for (int64_t o = 0; o < outputs; ++o) f(row[o]);
  }
}

}  // namespace

void BalanceFactors(std::vector<Factor>* factors) {
  for (size_t i = 0; i + 1 < factors->size(); ++i) {
    Factor &first = (*factors)[i], &next = (*factors)[i + 1];
    const int64_t channels = first.outputs();
    for (int64_t c = 0; c < channels; ++c) {
      const float before = LargestInColumn(first, c);
      float behind = 0;
      ForInput(next, c, [&](float& w) { behind = std::max(behind, std::abs(w)); });
      if (before == 0 || behind == 0) continue;
      // A power of two: the kernels stand for the same to the last bit.
      const float scale = std::exp2(std::round(0.5f * std::log2(behind / before)));
      for (size_t k = c; k < first.values.size(); k += channels) first.values[k] *= scale;
      ForInput(next, c, [&](float& w) { w /= scale; });
    }
  }
}

double RelativeInt8Loss(std::span<const float> weight, const std::vector<Factor>& factors,
                        int64_t outputs, std::span<const float> moments) {
  if (factors.empty()) {
    return RelativeLoss(weight, OnEightBits(weight, outputs), outputs, moments);
  }
  std::vector<Factor> rounded = factors;
  for (Factor& factor : rounded) factor.values = OnEightBits(factor.values, factor.outputs());
  return RelativeLoss(weight, ProductKernel(rounded), outputs, moments);
}

}  // namespace adze
