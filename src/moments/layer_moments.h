#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "adze/graph.h"
#include "adze/op.h"

namespace adze {

// A layer as sums: y[g, o] = sum over k of x[g, k] w[k, g, o], for each output position. A
// convolution has one group, k counts taps and input channels; a depthwise one has a group a
// channel.
struct LayerForm {
  int64_t groups = 1, inputs = 0, outputs = 0;  // inputs and outputs of a group
  int64_t taps = 1;
  bool outputs_first =
      false;  // a tap's weights are [outputs, inputs], as of a transposed convolution

  int64_t weight_index(int64_t k, int64_t g, int64_t o) const {
    if (!outputs_first) return (k * groups + g) * outputs + o;
    const int64_t channels = inputs / taps;
    return (k / channels * outputs + o) * channels + k % channels;
  }
  int64_t row_size() const { return groups * inputs; }
};
// Of a layer whose op has QuantTraits::unfold, reading data of so many channels.
LayerForm FormOf(const Node& layer, int64_t channels);
// nullopt if the layer's outputs cannot be seen as such sums: its op has no QuantTraits::unfold,
// its channels are first (NCHW), or how many it reads is not known.
std::optional<LayerForm> FormOf(const Node& layer, const ShapeMap& shapes);

// First and second moments of what a layer multiplies with its weight.
class LayerMoments {
 public:
  // Without `second` only means are kept.
  LayerMoments(const LayerForm& form, bool second);
  static int64_t BytesFor(const LayerForm& form, bool second);

  // Rows [taps, channels] of float data, and of the same data quantized.
  void Add(std::span<const float> real, std::span<const float> quantized);

  const LayerForm& form() const { return form_; }
  double rows() const { return rows_; }
  double mean_real(int64_t g, int64_t k) const { return sum_real_[Index(g, k)] / rows_; }
  double mean_quantized(int64_t g, int64_t k) const { return sum_quantized_[Index(g, k)] / rows_; }
  // E[x xᵀ] of the quantized data of group g, [inputs, inputs]. Not about the mean: layers before
  // shift means in ways that this layer's data does not show.
  std::vector<float> Second(int64_t g) const;

 private:
  // Of x[taps, groups, channels] the mean is kept at [g, k].
  int64_t Index(int64_t g, int64_t k) const;
  void AddSecond(int64_t g, std::span<const float> rows);

  LayerForm form_;
  double rows_ = 0;
  std::vector<double> sum_real_, sum_quantized_;  // in the order of a row
  std::vector<float> second_;                     // [groups, inputs, inputs], lower triangles
};

}  // namespace adze
