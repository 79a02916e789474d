#pragma once

#include "retrain/method.h"

namespace adze {

// A weight's scale, or one a channel, as a parameter that starts where ARQ has it
// (reference/amct-algorithms section 8.3; Esser et al., Learned step size quantization, 2020). The
// gradient of the scale is divided by sqrt(N Qmax), N being the elements it serves.
class LearnedWeightScale : public WeightQuantizer {
 public:
  // passes_through: whether weights beyond the ends get a gradient.
  LearnedWeightScale(const WeightStart& start, bool passes_through);

  at::Tensor Quantize(const at::Tensor& x) const override;
  QuantParams ParamsOf(const Tensor& weight) const override;
  std::vector<LearnedFactor> factors() const override;
  void Restore() override;
  void Remember() override;

 private:
  int num_bits_;
  bool passes_through_;
  at::Tensor scale_, last_scale_;
  double elements_;  // per scale
};

// Symmetric factors of these scales.
QuantParams SymmetricParams(const at::Tensor& scales, int num_bits);

}  // namespace adze
