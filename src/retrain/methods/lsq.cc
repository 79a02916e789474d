// LSQ (Esser et al., Learned step size quantization, 2020) and LSQ+, which learns where the range
// begins as well (Bhalgat et al., LSQ+: improving low-bit quantization, 2020).
#include <algorithm>
#include <cmath>

#include "retrain/learned_weight_scale.h"
#include "retrain/method.h"
#include "retrain/scale_fake_quant.h"

namespace adze {
namespace {

class LsqActivation : public ActivationQuantizer {
 public:
  LsqActivation(const ActivationStart& start, bool learns_low)
      : num_bits_(start.num_bits), fixed_min_(start.fixed_min), device_(start.device) {
    const double levels = QuantMax(num_bits_) - QuantMin(num_bits_);
    double scale;
    if (fixed_min_) {
      scale = start.high / levels;
    } else if (learns_low) {
      scale = (start.high - start.low) / levels;
      low_ = LearnedLeaf(at::full({1}, start.low), device_);
    } else {
      scale = std::max(start.high / QuantMax(num_bits_), start.low / QuantMin(num_bits_));
    }
    scale_ = LearnedLeaf(at::full({1}, scale), device_);
    low_rate_ = std::max(start.high, -start.low);
    Remember();
  }

  at::Tensor Quantize(const at::Tensor& x) const override {
    const double elements = static_cast<double>(x.numel());
    return ScaleFakeQuant(x, scale_, low_, zero_point(), num_bits_,
                          {.factor = 1 / std::sqrt(elements * QuantMax(num_bits_))});
  }
  QuantParams params() const override {
    return {{.num_bits = num_bits_}, {scale_.item<float>()}, {zero_point()}};
  }
  std::vector<LearnedFactor> factors() const override {
    std::vector<LearnedFactor> factors = {{"scale", scale_, last_scale_}};
    if (low_.defined()) factors.push_back({"low", low_, low_rate_});
    return factors;
  }
  void Restore() override {
    const at::NoGradGuard constant;
    if (!(scale_.item<double>() > 0)) scale_.fill_(last_scale_);
    if (low_.defined() && low_.item<double>() > 0) low_.fill_(0);
    Remember();
  }
  void Remember() override { last_scale_ = scale_.item<double>(); }

 private:
  int zero_point() const {
    if (fixed_min_) return QuantMin(num_bits_);
    if (!low_.defined()) return 0;
    const double steps = std::nearbyint(low_.item<double>() / scale_.item<double>());
    return static_cast<int>(
        std::clamp<double>(QuantMin(num_bits_) - steps, QuantMin(num_bits_), QuantMax(num_bits_)));
  }

  int num_bits_;
  bool fixed_min_;
  at::Device device_;
  at::Tensor scale_, low_;  // low_: undefined where it is not learned
  double last_scale_ = 0, low_rate_ = 0;
};

}  // namespace

void register_lsq(RetrainMethodRegistry& methods) {
  methods.Add({.name = "lsq",
               .summary = "activations: the scale of a symmetric range, or of one from 0; weights: "
                          "the scale",
               .activation =
                   [](const ActivationStart& start) {
                     return std::make_unique<LsqActivation>(start, false);
                   },
               .weight =
                   [](const WeightStart& start) {
                     return std::make_unique<LearnedWeightScale>(start, false);
                   }});
  methods.Add({.name = "lsq_plus",
               .summary = "activations: the scale, and where the range begins",
               .activation = [](const ActivationStart& start) {
                 return std::make_unique<LsqActivation>(start, true);
               }});
}

}  // namespace adze
