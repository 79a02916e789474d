#include "engine/elementwise_loops.h"

#include <bit>
#include <cmath>

#include "adze/error.h"

// One body, compiled for several instruction sets; the loader picks the widest that the CPU has.
// The sanitizers' run time is not up yet when the loader does so.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ADZE_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ADZE_VECTOR_CLONES
#endif

namespace adze {
namespace {

// The maximum and minimum of Eigen, and so of TensorFlow: the first operand if one is NaN.
inline float Max(float a, float b) { return a < b ? b : a; }
inline float Min(float a, float b) { return b < a ? b : a; }

// e^x to 2 units in the last place: e^x = 2^n e^r with n whole and |r| <= ln(2) / 2, where a
// polynomial does (Cephes' coefficients). Unlike std::exp it vectorises.
inline float Exp(float x) {
  const float clamped = Min(Max(x, -87.0f), 88.0f);  // NaN stays: see Max
  const float n = std::rint(clamped * 1.44269504f);
  const float r = clamped - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float e_r = p * r * r + r + 1.0f;
  // A NaN does not convert to an integer; e_r is NaN then.
  const int32_t exponent = static_cast<int32_t>(n == n ? n : 0.0f) + 127;
  return e_r * std::bit_cast<float>(exponent << 23);
}

}  // namespace

ADZE_VECTOR_CLONES
void ApplyScalar(ElementwiseOp op, const float* x, float b, float* out, int64_t count) {
  using enum ElementwiseOp;
  switch (op) {
    case kAdd:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] + b;
      return;
    case kSub:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] - b;
      return;
    case kReverseSub:
      for (int64_t i = 0; i < count; ++i) out[i] = b - x[i];
      return;
    case kMul:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] * b;
      return;
    case kDiv:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] / b;
      return;
    case kReverseDiv:
      for (int64_t i = 0; i < count; ++i) out[i] = b / x[i];
      return;
    case kMaximum:
      for (int64_t i = 0; i < count; ++i) out[i] = Max(x[i], b);
      return;
    case kMinimum:
      for (int64_t i = 0; i < count; ++i) out[i] = Min(x[i], b);
      return;
    case kSquaredDifference:
      for (int64_t i = 0; i < count; ++i) out[i] = (x[i] - b) * (x[i] - b);
      return;
    case kLeakyRelu:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] > 0 ? x[i] : x[i] * b;
      return;
    case kRelu:
      for (int64_t i = 0; i < count; ++i) out[i] = Max(x[i], 0.0f);
      return;
    case kRelu6:
      for (int64_t i = 0; i < count; ++i) out[i] = Min(Max(x[i], 0.0f), 6.0f);
      return;
    case kRound:
      for (int64_t i = 0; i < count; ++i) out[i] = std::rint(x[i]);
      return;
    case kFloor:
      for (int64_t i = 0; i < count; ++i) out[i] = std::floor(x[i]);
      return;
    case kNeg:
      for (int64_t i = 0; i < count; ++i) out[i] = -x[i];
      return;
    case kAbs:
      for (int64_t i = 0; i < count; ++i) out[i] = std::fabs(x[i]);
      return;
    case kSquare:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] * x[i];
      return;
    case kSqrt:
      for (int64_t i = 0; i < count; ++i) out[i] = std::sqrt(x[i]);
      return;
    case kRsqrt:
      for (int64_t i = 0; i < count; ++i) out[i] = 1.0f / std::sqrt(x[i]);
      return;
    case kSigmoid:
      for (int64_t i = 0; i < count; ++i) out[i] = 1.0f / (1.0f + Exp(-x[i]));
      return;
  }
}

ADZE_VECTOR_CLONES
void ApplyArray(ElementwiseOp op, const float* x, const float* b, float* out, int64_t count) {
  using enum ElementwiseOp;
  switch (op) {
    case kAdd:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] + b[i];
      return;
    case kSub:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] - b[i];
      return;
    case kReverseSub:
      for (int64_t i = 0; i < count; ++i) out[i] = b[i] - x[i];
      return;
    case kMul:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] * b[i];
      return;
    case kDiv:
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] / b[i];
      return;
    case kReverseDiv:
      for (int64_t i = 0; i < count; ++i) out[i] = b[i] / x[i];
      return;
    case kMaximum:
      for (int64_t i = 0; i < count; ++i) out[i] = Max(x[i], b[i]);
      return;
    case kMinimum:
      for (int64_t i = 0; i < count; ++i) out[i] = Min(x[i], b[i]);
      return;
    case kSquaredDifference:
      for (int64_t i = 0; i < count; ++i) out[i] = (x[i] - b[i]) * (x[i] - b[i]);
      return;
    default:
      Check(false, "an elementwise op without operand");
  }
}

}  // namespace adze
