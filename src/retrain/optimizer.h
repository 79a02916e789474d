#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

namespace adze {

enum class OptimizerKind { kSgd, kAdam, kRmsProp };
// "sgd", "adam", "rmsprop"; kInvalidArgument lists them.
OptimizerKind OptimizerByName(const std::string& name);

// A variable that is trained, and how.
struct TrainedVariable {
  std::string name;
  at::Tensor value;
  double rate = 1;        // times the learning rate
  bool is_range = false;  // an end of a quantizer's range
  double weight_decay = 0;
  std::vector<at::Tensor> slots = {};  // the optimizer's, of the value's shape
};

// SGD with momentum 0.9; Adam (0.9, 0.999, 1e-8); RMSProp (decay 0.9, momentum 0.9, 1e-3 below the
// root).
void PrepareSlots(OptimizerKind kind, TrainedVariable* variable);
// Step `step` (from 1) by the gradient that the variable has, which is then gone.
void ApplyGradient(OptimizerKind kind, double learning_rate, int64_t step,
                   TrainedVariable* variable);

}  // namespace adze
