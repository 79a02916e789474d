#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Shape& shape = context.shape(0);
  const int64_t rank = shape.known_rank() ? shape.rank() : Shape::kUnknown;
  return {{DType::kInt64, Shape{Shape::kUnknown, rank}}};
}

// Indices [count, rank] of the elements that are not zero, in order.
void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  std::vector<int64_t> found;
  Dispatch<bool, float, double, int32_t, int64_t, uint8_t, int8_t>(inputs[0].dtype(), [&](auto t) {
    const auto in = inputs[0].data<decltype(t)>();
    for (size_t i = 0; i < in.size(); ++i) {
      if (in[i] != decltype(t)(0)) found.push_back(static_cast<int64_t>(i));
    }
  });
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  outputs[0] = Tensor(DType::kInt64, {static_cast<int64_t>(found.size()), shape.rank()});
  int64_t* out = outputs[0].mutable_data<int64_t>().data();
  for (int64_t index : found) {
    for (const int64_t stride : strides) {
      *out++ = index / stride;
      index %= stride;
    }
  }
}

}  // namespace

void register_where(OpRegistry& ops) {
  ops.Add({.name = "Where",
           .summary = "Where the elements are that are not zero",
           .infer = Infer,
           .evaluate = Evaluate,
           .sizes_outputs = true});
}

}  // namespace adze
