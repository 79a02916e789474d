#include "decompose/product_kernel.h"

#include <algorithm>
#include <cmath>

#include "adze/error.h"
#include "engine/matrix_product.h"

namespace adze {

std::vector<float> ProductKernel(const std::vector<Factor>& factors) {
  Shape shape = factors[0].kernel;
  std::vector<float> product = factors[0].values;
  for (size_t f = 1; f < factors.size(); ++f) {
    const Shape& next = factors[f].kernel;
    Check(shape[3] == next[2], "channels of factors");
    if (factors[f].depthwise) {
      Check(shape[0] == 1 && shape[1] == 1, "a depthwise factor stands behind 1 x 1");
      const int64_t taps = next[0] * next[1], inputs = shape[2], channels = shape[3];
      std::vector<float> result(taps * inputs * channels);
      for (int64_t t = 0; t < taps; ++t) {
        for (int64_t i = 0; i < inputs; ++i) {
          for (int64_t c = 0; c < channels; ++c) {
            result[(t * inputs + i) * channels + c] =
                product[i * channels + c] * factors[f].values[t * channels + c];
          }
        }
      }
      shape = {next[0], next[1], inputs, channels};
      product = std::move(result);
      continue;
    }
    // A step of one at a time: kernels one behind the other cover the sum of their extents.
    const Shape both{shape[0] + next[0] - 1, shape[1] + next[1] - 1, shape[2], next[3]};
    std::vector<float> result(both.num_elements());
    const auto at = [](const Shape& s, std::vector<float>& data, int64_t h, int64_t w) {
      return MatrixView{data.data() + (h * s[1] + w) * s[2] * s[3], s[2], s[3], s[3]};
    };
    std::vector<float> values = factors[f].values;
    for (int64_t h = 0; h < shape[0]; ++h) {
      for (int64_t w = 0; w < shape[1]; ++w) {
        for (int64_t g = 0; g < next[0]; ++g) {
          for (int64_t v = 0; v < next[1]; ++v) {
            AddProduct(1, at(shape, product, h, w), at(next, values, g, v),
                       at(both, result, h + g, w + v));
          }
        }
      }
    }
    shape = both;
    product = std::move(result);
  }
  return product;
}

double RelativeLoss(std::span<const float> weight, std::span<const float> product, int64_t outputs,
                    std::span<const float> moments) {
  const auto rows = static_cast<int64_t>(weight.size()) / outputs;
  const auto power = [&](std::vector<float> x) {
    std::vector<float> weighted = x;
    if (!moments.empty()) {
      std::fill(weighted.begin(), weighted.end(), 0.0f);
      AddProduct(1, {const_cast<float*>(moments.data()), rows, rows, rows},
                 {x.data(), rows, outputs, outputs}, {weighted.data(), rows, outputs, outputs});
    }
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * weighted[i];
    return std::max(sum, 0.0);
  };
  std::vector<float> difference(weight.size());
  for (size_t i = 0; i < weight.size(); ++i) difference[i] = weight[i] - product[i];
  const double all = power({weight.begin(), weight.end()});
  return all > 0 ? std::sqrt(power(std::move(difference)) / all) : 0;
}

}  // namespace adze
