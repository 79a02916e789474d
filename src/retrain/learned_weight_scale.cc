#include "retrain/learned_weight_scale.h"

#include <cmath>

#include "engine/torch/torch_op.h"
#include "retrain/scale_fake_quant.h"

namespace adze {

QuantParams SymmetricParams(const at::Tensor& scales, int num_bits) {
  const at::Tensor flat = scales.detach().to(at::kCPU).contiguous().flatten();
  const float* values = flat.data_ptr<float>();
  return {{.num_bits = num_bits, .symmetric = true},
          std::vector<float>(values, values + flat.numel()),
          std::vector<int32_t>(flat.numel(), 0)};
}

LearnedWeightScale::LearnedWeightScale(const WeightStart& start, bool passes_through)
    : num_bits_(start.num_bits), passes_through_(passes_through) {
  const QuantParams params = WeightParamsArq(start.weight, start.channel_axes, num_bits_);
  const at::Tensor weight = ToTorch(start.weight);
  scale_ =
      LearnedLeaf(at::tensor(params.scale).reshape(ScaleShape(weight.sizes(), start.channel_axes)),
                  start.device);
  elements_ = static_cast<double>(weight.numel()) / static_cast<double>(scale_.numel());
  Remember();
}

at::Tensor LearnedWeightScale::Quantize(const at::Tensor& x) const {
  return ScaleFakeQuant(x, scale_, {}, 0, num_bits_,
                        {.factor = 1 / std::sqrt(elements_ * QuantMax(num_bits_)),
                         .passes_through = passes_through_});
}

QuantParams LearnedWeightScale::ParamsOf(const Tensor&) const {
  return SymmetricParams(scale_, num_bits_);
}

std::vector<LearnedFactor> LearnedWeightScale::factors() const {
  return {{"scale", scale_, last_scale_.square().mean().sqrt().item<double>()}};
}

void LearnedWeightScale::Restore() {
  const at::NoGradGuard constant;
  scale_.copy_(at::where(scale_ > 0, scale_, last_scale_));
  Remember();
}

void LearnedWeightScale::Remember() { last_scale_ = scale_.detach().clone(); }

}  // namespace adze
