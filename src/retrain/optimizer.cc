#include "retrain/optimizer.h"

#include <cmath>

#include "adze/error.h"

namespace adze {

OptimizerKind OptimizerByName(const std::string& name) {
  if (name == "sgd") return OptimizerKind::kSgd;
  if (name == "adam") return OptimizerKind::kAdam;
  if (name == "rmsprop") return OptimizerKind::kRmsProp;
  throw Error(ErrorCode::kInvalidArgument,
              "there is no optimizer '" + name + "'; there are sgd, adam and rmsprop");
}

void PrepareSlots(OptimizerKind kind, TrainedVariable* variable) {
  const int count = kind == OptimizerKind::kSgd ? 1 : 2;
  variable->slots.clear();
  for (int i = 0; i < count; ++i) {
    variable->slots.push_back(at::zeros_like(variable->value.detach()));
  }
}

void ApplyGradient(OptimizerKind kind, double learning_rate, int64_t step,
                   TrainedVariable* variable) {
  const at::NoGradGuard constant;
  at::Tensor& value = variable->value;
  if (!value.grad().defined()) return;
  at::Tensor gradient = value.grad();
  if (variable->weight_decay > 0) gradient = gradient.add(value, variable->weight_decay);
  const double rate = learning_rate * variable->rate;
  constexpr double kMomentum = 0.9;
  at::Tensor& first = variable->slots[0];
  switch (kind) {
    case OptimizerKind::kSgd:
      first.mul_(kMomentum).add_(gradient);
      value.sub_(first, rate);
      break;
    case OptimizerKind::kAdam: {
      constexpr double kSecond = 0.999;
      at::Tensor& second = variable->slots[1];
      first.mul_(kMomentum).add_(gradient, 1 - kMomentum);
      second.mul_(kSecond).addcmul_(gradient, gradient, 1 - kSecond);
      const double correction = std::sqrt(1 - std::pow(kSecond, static_cast<double>(step)));
      const at::Tensor root = second.sqrt().div_(correction).add_(1e-8);
      value.addcdiv_(first, root, -rate / (1 - std::pow(kMomentum, static_cast<double>(step))));
      break;
    }
    case OptimizerKind::kRmsProp: {
      constexpr double kDecay = 0.9, kBelowRoot = 1e-3;
      at::Tensor& square = variable->slots[1];
      square.mul_(kDecay).addcmul_(gradient, gradient, 1 - kDecay);
      first.mul_(kMomentum).addcdiv_(gradient, square.add(kBelowRoot).sqrt_(), rate);
      value.sub_(first);
      break;
    }
  }
  value.mutable_grad().reset();
}

}  // namespace adze
