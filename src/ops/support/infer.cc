#include "ops/support/infer.h"

#include <algorithm>

namespace adze {

DType InputType(const ShapeContext& context, int input) {
  const DType dtype = context.spec(input).dtype;
  return dtype != DType::kInvalid ? dtype : context.node.attr<DType>("T", DType::kInvalid);
}

std::vector<TensorSpec> InferSame(const ShapeContext& context) {
  return {{InputType(context), context.shape(0)}};
}

std::optional<std::vector<int64_t>> KnownInts(const ShapeContext& context, int input) {
  const Tensor* constant = context.constant(input);
  if (!constant) return std::nullopt;
  Require(constant->dtype() == DType::kInt32 || constant->dtype() == DType::kInt64,
          ErrorCode::kBadFile, context.node.op(), " input ", input, " is ", Name(constant->dtype()),
          " where integers are needed");
  return ToInt64s(*constant);
}

std::optional<int64_t> KnownInt(const ShapeContext& context, int input) {
  const auto values = KnownInts(context, input);
  if (!values) return std::nullopt;
  Require(values->size() == 1, ErrorCode::kBadFile, context.node.op(), " input ", input, " has ",
          values->size(), " elements where one is needed");
  return values->front();
}

namespace {
void RequireOne(const Tensor& operand, const char* what) {
  Require(operand.num_elements() == 1, ErrorCode::kBadFile, "the ", what, " has ",
          operand.num_elements(), " elements where one is needed");
}
}  // namespace

int64_t OneInt(const Tensor& operand, const char* what) {
  RequireOne(operand, what);
  return ToInt64s(operand)[0];
}

float OneFloat(const Tensor& operand, const char* what) {
  RequireOne(operand, what);
  return ToFloats(operand)[0];
}

Shape UnknownDims(int64_t rank) {
  Require(rank >= 0 && rank <= 255, ErrorCode::kBadFile, "a tensor cannot have rank ", rank);
  return Shape(std::vector<int64_t>(rank, Shape::kUnknown));
}

Shape ShapeOf(const std::vector<int64_t>& dims) {
  Shape shape(dims);
  Require(std::all_of(dims.begin(), dims.end(), [](int64_t d) { return d >= 0; }),
          ErrorCode::kBadFile, "shape ", shape.ToString(), " has a negative dimension");
  return shape;
}

Shape MergeShapes(const Shape& a, const Shape& b) {
  if (!a.known_rank()) return b;
  if (!b.known_rank()) return a;
  Shape merged = a;
  bool fits = a.rank() == b.rank();
  for (int i = 0; fits && i < a.rank(); ++i) {
    if (merged[i] == Shape::kUnknown) merged[i] = b[i];
    fits = b[i] == Shape::kUnknown || b[i] == merged[i];
  }
  Require(fits, ErrorCode::kBadFile, "shapes ", a.ToString(), " and ", b.ToString(),
          " must be equal");
  return merged;
}

int64_t CheckedAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  Require(!__builtin_add_overflow(a, b, &sum), ErrorCode::kBadFile, "size ", a, " + ", b,
          " is too large");
  return sum;
}

int64_t CheckedMul(int64_t a, int64_t b) {
  int64_t product = 0;
  Require(!__builtin_mul_overflow(a, b, &product), ErrorCode::kBadFile, "size ", a, " * ", b,
          " is too large");
  return product;
}

}  // namespace adze
