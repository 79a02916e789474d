// TQT (Jain et al., Trained quantization thresholds, 2020): scales are powers of two, and the
// logarithm of the threshold t is learned. scale = 2^ceil(log2 t) / 2^(b-1), or 2^b where nothing
// is below 0; d log2 t = ln 2 scale d scale, the gradient passing the ceil.
#include <algorithm>
#include <cmath>

#include "engine/torch/torch_op.h"
#include "retrain/learned_weight_scale.h"
#include "retrain/method.h"
#include "retrain/scale_fake_quant.h"

namespace adze {
namespace {

// Thresholds take a rate of their own, whatever their size: the paper's is 1e-2 where the weights'
// is 1e-4 or less.
constexpr double kRate = 50;

class Threshold {
 public:
  // `steps`: 2^(b-1) or 2^b.
  Threshold(const at::Tensor& threshold, double steps, at::Device device)
      : log2_(LearnedLeaf(threshold.clamp_min(1e-30).log2(), device)), steps_(steps) {}

  at::Tensor scale() const {
    // In double, so that the power of two is exact in float. The last factor is 1 and has the
    // gradient.
    const at::Tensor power = at::exp2(log2_.detach().ceil().to(at::kDouble)).to(at::kFloat);
    return power / steps_ * at::exp2(log2_ - log2_.detach());
  }
  LearnedFactor factor() const { return {"log2_threshold", log2_, kRate}; }

 private:
  at::Tensor log2_;
  double steps_;
};

class TqtActivation : public ActivationQuantizer {
 public:
  explicit TqtActivation(const ActivationStart& start)
      : num_bits_(start.num_bits),
        zero_point_(start.fixed_min ? QuantMin(num_bits_) : 0),
        threshold_(at::full({1}, std::max(start.high, -start.low)),
                   start.fixed_min ? std::exp2(num_bits_) : std::exp2(num_bits_ - 1),
                   start.device) {}

  at::Tensor Quantize(const at::Tensor& x) const override {
    return ScaleFakeQuant(x, threshold_.scale(), {}, zero_point_, num_bits_, {});
  }
  QuantParams params() const override {
    return {{.num_bits = num_bits_}, {threshold_.scale().item<float>()}, {zero_point_}};
  }
  std::vector<LearnedFactor> factors() const override { return {threshold_.factor()}; }

 private:
  int num_bits_, zero_point_;
  Threshold threshold_;
};

class TqtWeight : public WeightQuantizer {
 public:
  explicit TqtWeight(const WeightStart& start)
      : num_bits_(start.num_bits),
        threshold_(Largest(start), std::exp2(num_bits_ - 1), start.device) {}

  at::Tensor Quantize(const at::Tensor& x) const override {
    return ScaleFakeQuant(x, threshold_.scale(), {}, 0, num_bits_, {});
  }
  QuantParams ParamsOf(const Tensor&) const override {
    return SymmetricParams(threshold_.scale(), num_bits_);
  }
  std::vector<LearnedFactor> factors() const override { return {threshold_.factor()}; }

 private:
  // The threshold at which ARQ's scale, rounded up to a power of two, is the one it gives.
  static at::Tensor Largest(const WeightStart& start) {
    const QuantParams params = WeightParamsArq(start.weight, start.channel_axes, start.num_bits);
    return at::tensor(params.scale)
               .reshape(ScaleShape(ToTorch(start.weight).sizes(), start.channel_axes)) *
           QuantMax(start.num_bits);
  }

  int num_bits_;
  Threshold threshold_;
};

}  // namespace

void register_tqt(RetrainMethodRegistry& methods) {
  methods.Add(
      {.name = "tqt",
       .summary = "activations and weights: scales that are powers of two",
       .activation =
           [](const ActivationStart& start) { return std::make_unique<TqtActivation>(start); },
       .weight = [](const WeightStart& start) { return std::make_unique<TqtWeight>(start); }});
}

}  // namespace adze
