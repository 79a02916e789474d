#pragma once

#include <optional>
#include <vector>

#include "adze/calibrate.h"
#include "adze/op.h"
#include "adze/record.h"
#include "moments/layer_moments.h"

namespace adze {

// A layer that is being tuned, and what the data told of it.
struct TunedLayer {
  const PlannedLayer* planned;
  LayerRecord* record;
  Node* bias_add;  // null: none
  bool rounds;
  LayerForm form;
  LayerMoments moments;
  // Of a layer that learns behind quantized ones: what its output is added to, the other input of
  // an addition (none: nothing, or what is not quantized yet).
  std::optional<Use> skip_path = {};
  // Of such a layer with one group, x' being what the quantized layers before give it: sums over
  // the rows of x' rᵀ [inputs, outputs], r = W (x - x') + what its skip path lacks, and of the
  // latter alone [outputs].
  std::vector<float> lacking = {};
  std::vector<double> skip_lacking = {};

  Node& node() const { return *planned->node; }
  int data_input() const { return node().def()->quant->data_input; }
  int weight_input() const { return *node().def()->quant->weight_input; }
  const Tensor& weight() const { return node().input(weight_input()).node->const_value(); }
  // Mean over the rows of what the skip path lacks of output o.
  double mean_skip_lacking(int64_t o) const {
    return skip_lacking.empty() ? 0 : skip_lacking[o] / moments.rows();
  }
  // A bias can take up what quantization does to means.
  bool corrects_bias() const { return bias_add && planned->config.weight.bias_correction; }
};

}  // namespace adze
