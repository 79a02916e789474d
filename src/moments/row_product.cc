#include "moments/row_product.h"

#include <algorithm>

#include "engine/matrix_product.h"

namespace adze {
namespace {

// Where input k of group g is in a row.
int64_t Place(const LayerForm& form, int64_t g, int64_t k) {
  const int64_t channels = form.inputs / form.taps;
  return (k / channels * form.groups + g) * channels + k % channels;
}

// A depthwise layer: row and weight are [inputs, groups] alike.
bool IsDepthwise(const LayerForm& form) { return form.inputs == form.taps && form.groups > 1; }

// Of a depthwise layer with one filter a channel.
void MultiplyDepthwise(const LayerForm& form, const float* row, const float* weight, float* out) {
  for (int64_t k = 0; k < form.inputs; ++k, row += form.groups, weight += form.groups) {
    for (int64_t g = 0; g < form.groups; ++g) out[g] += row[g] * weight[g];
  }
}

float* OnlyRead(std::span<const float> values) { return const_cast<float*>(values.data()); }

}  // namespace

RowProduct::RowProduct(const LayerForm& form, const Tensor& weight)
    : form_(form), weight_(form.groups * form.inputs * form.outputs) {
  by_input_ = IsDepthwise(form) && form.outputs == 1;
  const std::span<const float> from = weight.data<float>();
  for (int64_t g = 0; g < form.groups; ++g) {
    for (int64_t k = 0; k < form.inputs; ++k) {
      for (int64_t o = 0; o < form.outputs; ++o) {
        const int64_t at = by_input_ ? k * form.groups + g : g * form.inputs + k;
        weight_[at * form.outputs + o] = from[form.weight_index(k, g, o)];
      }
    }
  }
}

void RowProduct::Multiply(std::span<const float> rows, std::span<float> out) const {
  const int64_t n = form_.inputs, width = form_.outputs;
  const auto count = static_cast<int64_t>(rows.size()) / form_.row_size();
  std::fill(out.begin(), out.end(), 0.0f);
  if (form_.groups == 1) {
    AddProduct(1, {OnlyRead(rows), count, n, n}, {OnlyRead(weight_), n, width, width},
               {out.data(), count, width, width});
    return;
  }
  for (int64_t r = 0; r < count; ++r) {
    const float* x = rows.data() + r * form_.row_size();
    if (by_input_) {
      MultiplyDepthwise(form_, x, weight_.data(), out.data() + r * form_.groups);
      continue;
    }
    for (int64_t g = 0; g < form_.groups; ++g) {
      float* y = out.data() + (r * form_.groups + g) * width;
      for (int64_t k = 0; k < n; ++k) {
        const float value = x[Place(form_, g, k)];
        const float* w = weight_.data() + (g * n + k) * width;
        for (int64_t o = 0; o < width; ++o) y[o] += value * w[o];
      }
    }
  }
}

}  // namespace adze
