#include <algorithm>
#include <cmath>

#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

// Fill(dims, value).
std::vector<TensorSpec> InferFill(const ShapeContext& context) {
  const TensorSpec& value = context.spec(1);
  Require(!value.shape.IsFullyKnown() || value.shape.num_elements() == 1, ErrorCode::kBadFile,
          "Fill with a value of shape ", value.shape.ToString());
  if (const auto dims = KnownInts(context, 0)) return {{value.dtype, ShapeOf(*dims)}};
  const Shape& length = context.shape(0);
  const bool known = length.IsFullyKnown() && length.rank() == 1;
  return {{value.dtype, known ? UnknownDims(length[0]) : Shape::UnknownRank()}};
}

void EvaluateFill(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  FillWith(inputs[1], outputs[0]);
}

template <int kValue>
void EvaluateLike(const Node&, std::span<const Tensor>, std::span<Tensor> outputs) {
  FillWith(Cast(Tensor::Scalar<int32_t>(kValue), outputs[0].dtype()), outputs[0]);
}

// Range(start, limit, delta): start, start + delta, ... before limit.
std::vector<TensorSpec> InferRange(const ShapeContext& context) {
  const DType dtype = InputType(context);
  for (int i = 0; i < 3; ++i) {
    const TensorSpec& operand = context.spec(i);
    Require(operand.dtype == dtype || operand.dtype == DType::kInvalid, ErrorCode::kBadFile,
            "Range of ", Name(dtype), " and ", Name(operand.dtype));
    Require(!operand.shape.IsFullyKnown() || operand.shape.num_elements() == 1, ErrorCode::kBadFile,
            "Range operand of shape ", operand.shape.ToString());
    if (!context.constant(i)) return {{dtype, {Shape::kUnknown}}};
  }
  double length = 0;
  Dispatch<float, double, int32_t, int64_t>(dtype, [&](auto t) {
    using T = decltype(t);
    const auto operand = [&](int i) {
      return static_cast<double>(context.constant(i)->data<T>()[0]);
    };
    const double start = operand(0), limit = operand(1), delta = operand(2);
    Require(delta != 0, ErrorCode::kBadFile, "Range with step 0");
    length = std::ceil((limit - start) / delta);
    Require(length <= std::ldexp(1.0, 48), ErrorCode::kBadFile, "Range of ", length, " elements");
  });
  return {{dtype, {static_cast<int64_t>(std::max(0.0, length))}}};
}

void EvaluateRange(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  Dispatch<float, double, int32_t, int64_t>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    const T start = inputs[0].data<T>()[0], delta = inputs[2].data<T>()[0];
    const auto out = outputs[0].mutable_data<T>();
    // Unsigned: start + i * delta is in range, but i * delta alone may not be.
    using Wrapping = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<T>(Wrapping(start) + Wrapping(i) * Wrapping(delta));
    }
  });
}

}  // namespace

// Ops that make elements out of shapes and scalars.
void register_fill(OpRegistry& ops) {
  ops.Add({.name = "Fill",
           .summary = "One value repeated to a shape",
           .infer = InferFill,
           .evaluate = EvaluateFill});
  ops.Add({.name = "ZerosLike",
           .summary = "Zeros of the same shape",
           .infer = InferSame,
           .evaluate = EvaluateLike<0>});
  ops.Add({.name = "OnesLike",
           .summary = "Ones of the same shape",
           .infer = InferSame,
           .evaluate = EvaluateLike<1>});
  ops.Add({.name = "Range",
           .summary = "An arithmetic sequence",
           .infer = InferRange,
           .evaluate = EvaluateRange});
}

}  // namespace adze
