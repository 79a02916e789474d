// Universally learned quantization (reference/amct-algorithms section 8.1).
#include <algorithm>

#include "retrain/fake_quant.h"
#include "retrain/learned_weight_scale.h"
#include "retrain/method.h"
#include "retrain/scale_fake_quant.h"

namespace adze {
namespace {

class UlqActivation : public ActivationQuantizer {
 public:
  explicit UlqActivation(const ActivationStart& start)
      : num_bits_(start.num_bits),
        fixed_min_(start.fixed_min),
        clip_min_(LearnedLeaf(at::full({1}, start.low), start.device)),
        clip_max_(LearnedLeaf(at::full({1}, start.high), start.device)) {
    Remember();
  }

  at::Tensor Quantize(const at::Tensor& x) const override {
    return UlqFakeQuant(x, clip_min_, clip_max_, num_bits_);
  }
  QuantParams params() const override {
    return ParamsFromRange(clip_min_.item<float>(), clip_max_.item<float>(),
                           {.num_bits = num_bits_});
  }
  std::vector<LearnedFactor> factors() const override {
    // Relative to the range, so that the same rate suits activations of any size.
    const double rate = std::max(last_max_, -last_min_);
    std::vector<LearnedFactor> factors = {{"clip_max", clip_max_, rate}};
    if (!fixed_min_) factors.push_back({"clip_min", clip_min_, rate});
    return factors;
  }

  // An end that has crossed 0 or met the other goes back to its last place.
  void Restore() override {
    const at::NoGradGuard constant;
    auto low = fixed_min_ ? 0 : clip_min_.item<double>();
    auto high = clip_max_.item<double>();
    if (high == low) {
      low = last_min_;
      high = last_max_;
    }
    if (high < 0) high = last_max_;
    if (low > 0) low = last_min_;
    clip_min_.fill_(low);
    clip_max_.fill_(high);
    Remember();
  }
  void Remember() override {
    last_min_ = clip_min_.item<double>();
    last_max_ = clip_max_.item<double>();
  }

 private:
  int num_bits_;
  bool fixed_min_;  // clip_min stays 0
  at::Tensor clip_min_, clip_max_;
  double last_min_ = 0, last_max_ = 0;
};

}  // namespace

void register_ulq(RetrainMethodRegistry& methods) {
  methods.Add(
      {.name = "ulq",
       .summary = "activations: both ends of the range; weights: the scale, the gradient "
                  "of the weight passes everywhere",
       .activation =
           [](const ActivationStart& start) { return std::make_unique<UlqActivation>(start); },
       .weight =
           [](const WeightStart& start) {
             return std::make_unique<LearnedWeightScale>(start, true);
           }});
}

}  // namespace adze
