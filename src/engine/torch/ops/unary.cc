#include "engine/torch/torch_op.h"

namespace adze {

// Functions of one number.
void register_unary(TorchOpRegistry& ops) {
  const auto add = [&](const char* name, at::Tensor (*function)(const at::Tensor&)) {
    ops.AddOne(name, [function](const TorchCall& call) { return function(call.input(0)); });
  };
  add("Abs", at::abs);
  add("Neg", at::neg);
  add("Square", at::square);
  add("Sign", at::sign);
  add("Exp", at::exp);
  add("Expm1", at::expm1);
  add("Log", at::log);
  add("Log1p", at::log1p);
  add("Sqrt", at::sqrt);
  add("Rsqrt", at::rsqrt);
  add("Reciprocal", at::reciprocal);
  add("Inv", at::reciprocal);
  add("Sin", at::sin);
  add("Cos", at::cos);
  add("Tan", at::tan);
  add("Atan", at::atan);
  add("Floor", at::floor);
  add("Ceil", at::ceil);
  add("Round", at::round);  // half to even
  add("Rint", at::round);
  add("Erf", at::erf);
  add("Erfc", at::erfc);
  add("Identity", [](const at::Tensor& x) { return x; });
  add("CheckNumerics", [](const at::Tensor& x) { return x; });
  add("EnsureShape", [](const at::Tensor& x) { return x; });
  add("StopGradient", [](const at::Tensor& x) { return x.detach(); });
}

}  // namespace adze
