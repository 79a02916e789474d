#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adze/error.h"
#include "adze/quant.h"

namespace adze {

// A number, or one a channel, that training learns beside the weights.
struct LearnedFactor {
  std::string name;  // "clip_max"
  at::Tensor value;  // a float32 leaf that requires a gradient
  double rate = 1;   // times the learning rate
};

// Fake-quantization that is learned. Forward results are those of src/quant with params() to the
// bit.
class LearnedQuantizer {
 public:
  virtual ~LearnedQuantizer() = default;
  // Differentiable in x and in the factors.
  virtual at::Tensor Quantize(const at::Tensor& x) const = 0;
  virtual std::vector<LearnedFactor> factors() const { return {}; }
  // Puts right what a step has made of the factors. Remember() is called whenever they are sound;
  // what is not goes back there.
  virtual void Restore() {}
  virtual void Remember() {}
};

class ActivationQuantizer : public LearnedQuantizer {
 public:
  virtual QuantParams params() const = 0;
};

class WeightQuantizer : public LearnedQuantizer {
 public:
  // Scales of the weight as it is now, per channel or one. `weight` in TensorFlow's layout.
  virtual QuantParams ParamsOf(const Tensor& weight) const = 0;
  // Whether the scales follow from the weight alone.
  virtual bool follows_weight() const { return false; }
};

// Where learning starts.
struct ActivationStart {
  double low = 0, high = 0;  // range, low <= 0 <= high, not empty
  int num_bits = 8;
  bool fixed_min = false;  // nothing is below 0, and low stays there
  at::Device device = at::kCPU;
};

struct WeightStart {
  Tensor weight;
  std::vector<int> channel_axes;  // as for QuantizeWeight; empty: per tensor
  int num_bits = 8;
  at::Device device = at::kCPU;
};

// A way to learn; src/retrain/methods holds them.
struct RetrainMethod {
  std::string name;  // in AMCT's configs with "_quantize" or "_retrain" behind it
  std::string summary;
  // Null where it is none for activations, or for weights.
  std::function<std::unique_ptr<ActivationQuantizer>(const ActivationStart&)> activation = nullptr;
  std::function<std::unique_ptr<WeightQuantizer>(const WeightStart&)> weight = nullptr;
};

class RetrainMethodRegistry {
 public:
  void Add(RetrainMethod method) {
    std::string name = method.name;
    Check(methods_.emplace(name, std::move(method)).second, "method registered twice");
  }
  const std::map<std::string, RetrainMethod>& all() const { return methods_; }

 private:
  std::map<std::string, RetrainMethod> methods_;
};

// kInvalidArgument lists those there are.
const RetrainMethod& ActivationMethodByName(const std::string& name);
const RetrainMethod& WeightMethodByName(const std::string& name);

}  // namespace adze
