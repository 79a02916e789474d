#pragma once

#include <span>
#include <vector>

#include "adze/tensor.h"
#include "moments/layer_moments.h"

namespace adze {

// What a layer makes of rows [taps, groups, channels] that its op unfolds.
class RowProduct {
 public:
  RowProduct(const LayerForm& form, const Tensor& weight);

  int64_t outputs() const { return form_.groups * form_.outputs; }
  // `out` [rows, groups, outputs] = rows times the weight.
  void Multiply(std::span<const float> rows, std::span<float> out) const;

 private:
  LayerForm form_;
  bool by_input_ = false;
  std::vector<float> weight_;  // [groups, inputs, outputs]; by_input_: [inputs, groups]
};

}  // namespace adze
