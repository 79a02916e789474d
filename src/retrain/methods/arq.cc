// ARQ of retraining (reference/amct-algorithms section 8.2): the scales of the weight's range, at
// each step anew.
#include "retrain/fake_quant.h"
#include "retrain/method.h"

namespace adze {
namespace {

class ArqWeight : public WeightQuantizer {
 public:
  explicit ArqWeight(const WeightStart& start)
      : channel_axes_(start.channel_axes), num_bits_(start.num_bits) {}

  at::Tensor Quantize(const at::Tensor& x) const override {
    return ArqFakeQuant(x, channel_axes_, num_bits_);
  }
  QuantParams ParamsOf(const Tensor& weight) const override {
    return WeightParamsArq(weight, channel_axes_, num_bits_);
  }
  bool follows_weight() const override { return true; }

 private:
  std::vector<int> channel_axes_;
  int num_bits_;
};

}  // namespace

void register_arq(RetrainMethodRegistry& methods) {
  methods.Add(
      {.name = "arq",
       .summary = "weights: the scales of their range, at each step anew",
       .weight = [](const WeightStart& start) { return std::make_unique<ArqWeight>(start); }});
}

}  // namespace adze
