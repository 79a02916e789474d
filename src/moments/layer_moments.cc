#include "moments/layer_moments.h"

#include <algorithm>

#include "adze/error.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "engine/matrix_product.h"

namespace adze {

LayerForm FormOf(const Node& layer, int64_t channels) {
  const QuantTraits& traits = *layer.def()->quant;
  const Shape& weight = layer.input(*traits.weight_input).node->const_value().shape();
  const int input_axis = traits.input_channel_axes.at(0);
  const bool own_filters =
      std::count(traits.channel_axes.begin(), traits.channel_axes.end(), input_axis) > 0;
  const int64_t group_channels = own_filters ? 1 : weight[input_axis];
  int64_t outputs = 1;
  for (int axis : traits.channel_axes) outputs *= weight[axis];
  LayerForm form;
  form.groups = channels / group_channels;
  form.outputs = outputs / form.groups;
  form.inputs = weight.num_elements() / outputs;
  form.taps = form.inputs / group_channels;
  form.outputs_first = !own_filters && traits.channel_axes.at(0) < input_axis;
  return form;
}

std::optional<LayerForm> FormOf(const Node& layer, const ShapeMap& shapes) {
  const QuantTraits& traits = *layer.def()->quant;
  if (!traits.weight_input || !traits.unfold) return std::nullopt;
  if (layer.attr<std::string>("data_format", "NHWC") != "NHWC") return std::nullopt;
  const Shape& data = shapes[layer.input(traits.data_input)].shape;
  if (!data.known_rank() || data.rank() == 0 || data[data.rank() - 1] <= 0) return std::nullopt;
  return FormOf(layer, data[data.rank() - 1]);
}

LayerMoments::LayerMoments(const LayerForm& form, bool second)
    : form_(form),
      sum_real_(form.row_size()),
      sum_quantized_(form.row_size()),
      second_(second ? form.groups * form.inputs * form.inputs : 0) {}

int64_t LayerMoments::BytesFor(const LayerForm& form, bool second) {
  return form.row_size() * static_cast<int64_t>(2 * sizeof(double)) +
         (second ? form.row_size() * form.inputs * static_cast<int64_t>(sizeof(float)) : 0);
}

int64_t LayerMoments::Index(int64_t g, int64_t k) const {
  const int64_t channels = form_.inputs / form_.taps;  // of a group
  return (k / channels * form_.groups + g) * channels + k % channels;
}

// Rows [inputs] of one group.
void LayerMoments::AddSecond(int64_t g, std::span<const float> rows) {
  const int64_t n = form_.inputs, count = static_cast<int64_t>(rows.size()) / n;
  float* const sums = second_.data() + g * n * n;
  constexpr int64_t kSmall = 32, kStrip = 256;
  if (n < kSmall) {
    for (int64_t a = 0; a < n; ++a) {
      for (int64_t b = 0; b <= a; ++b) {
        double sum = 0;
        for (int64_t r = 0; r < count; ++r) {
          sum += static_cast<double>(rows[r * n + a]) * rows[r * n + b];
        }
        sums[a * n + b] += static_cast<float>(sum);
      }
    }
    return;
  }
  auto* const x = const_cast<float*>(rows.data());  // only read
  for (int64_t first = 0; first < n; first += kStrip) {
    const int64_t width = std::min(kStrip, n - first);
    AddProduct(1, {x + first, count, n - first, n, true}, {x + first, count, width, n},
               {sums + first * n + first, n - first, width, n});
  }
}

void LayerMoments::Add(std::span<const float> real, std::span<const float> quantized) {
  const int64_t row_size = form_.row_size();
  const auto rows = static_cast<int64_t>(real.size()) / row_size;
  Check(real.size() == quantized.size() && static_cast<int64_t>(real.size()) == rows * row_size,
        "rows of a layer");
  rows_ += static_cast<double>(rows);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < row_size; ++i) {
      sum_real_[i] += real[r * row_size + i];
      sum_quantized_[i] += quantized[r * row_size + i];
    }
  }
  if (second_.empty()) return;
  if (form_.groups == 1) return AddSecond(0, quantized);
  ParallelFor(form_.groups, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> group(rows * form_.inputs);
    for (int64_t g = begin; g < end; ++g) {
      for (int64_t k = 0; k < form_.inputs; ++k) {
        const int64_t from = Index(g, k);
        for (int64_t r = 0; r < rows; ++r) {
          group[r * form_.inputs + k] = quantized[r * row_size + from];
        }
      }
      AddSecond(g, group);
    }
  });
}

std::vector<float> LayerMoments::Second(int64_t g) const {
  const int64_t n = form_.inputs;
  std::vector<float> second(n * n);
  for (int64_t a = 0; a < n; ++a) {
    for (int64_t b = 0; b <= a; ++b) {
      second[a * n + b] = second[b * n + a] =
          static_cast<float>(second_[(g * n + a) * n + b] / rows_);
    }
  }
  return second;
}

}  // namespace adze
