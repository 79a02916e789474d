#pragma once

#include <limits>
#include <optional>

#include "engine/kernel.h"

namespace adze {

// An epilogue of the common form: bias, then residual, then a clamp; each may be absent.
struct ClampEpilogue {
  const Tensor* bias = nullptr;
  bool adds_residual = false;
  bool clamps = false;
  float low = 0, high = std::numeric_limits<float>::infinity();
};

// nullopt where the epilogue has another form.
inline std::optional<ClampEpilogue> AsClampEpilogue(const std::vector<EpilogueOp>& ops) {
  using Kind = EpilogueOp::Kind;
  ClampEpilogue result;
  for (size_t i = 0; i < ops.size(); ++i) {
    // The kinds are numbered in their order.
    if (i > 0 && ops[i].kind <= ops[i - 1].kind) return std::nullopt;
    if (ops[i].kind == Kind::kBias) result.bias = ops[i].bias;
    if (ops[i].kind == Kind::kResidual) result.adds_residual = true;
    if (ops[i].kind == Kind::kActivation) {
      const std::string& op = ops[i].activation->op();
      if (op != "Relu" && op != "Relu6") return std::nullopt;
      result.clamps = true;
      if (op == "Relu6") result.high = 6;
    }
  }
  return result;
}

}  // namespace adze
