#pragma once

#include <cstdint>

namespace adze {

// float32 operations on one element, or on one element and an operand.
enum class ElementwiseOp {
  kAdd,
  kSub,
  kReverseSub,  // operand - x
  kMul,
  kDiv,
  kReverseDiv,  // operand / x
  kMaximum,
  kMinimum,
  kSquaredDifference,
  kLeakyRelu,  // the operand is alpha
  kRelu,
  kRelu6,
  kRound,  // half to even
  kFloor,
  kNeg,
  kAbs,
  kSquare,
  kSqrt,
  kRsqrt,
  kSigmoid,
};

// out[i] = op(x[i], operand); out may be x. Each result is that of IEEE float32 arithmetic done op
// by op, whatever the vector width.
void ApplyScalar(ElementwiseOp op, const float* x, float operand, float* out, int64_t count);
// out[i] = op(x[i], operand[i]); out may be x or operand. Binary ops only.
void ApplyArray(ElementwiseOp op, const float* x, const float* operand, float* out, int64_t count);

}  // namespace adze
