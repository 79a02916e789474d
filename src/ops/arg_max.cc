#include <functional>

#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = context.node.attr<DType>("output_type", DType::kInt64);
  Require(dtype == DType::kInt32 || dtype == DType::kInt64, ErrorCode::kBadFile, context.node.op(),
          " output_type is ", Name(dtype));
  const Shape& shape = context.shape(0);
  const auto axis = KnownInt(context, 1);
  if (!shape.known_rank()) return {{dtype, shape}};
  if (!axis) return {{dtype, UnknownDims(shape.rank() - 1)}};
  std::vector<int64_t> dims = shape.dims();
  const int at = NormalizeAxis(*axis, shape.rank());
  Require(dims[at] != 0, ErrorCode::kBadFile, context.node.op(), " over an empty axis");
  dims.erase(dims.begin() + at);
  return {{dtype, Shape(dims)}};
}

// The first of equal elements. `better(a, b)`: a goes before b.
template <typename Better>
void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  const int axis = NormalizeAxis(ToInt64s(inputs[1]).at(0), shape.rank());
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  const int64_t length = shape[axis], stride = strides[axis];
  Dispatch<float, double, int32_t, int64_t, uint8_t, int8_t>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    const T* x = inputs[0].data<T>().data();
    Dispatch<int32_t, int64_t>(outputs[0].dtype(), [&](auto index) {
      auto* out = outputs[0].mutable_data<decltype(index)>().data();
      for (int64_t i = 0; i < outputs[0].num_elements(); ++i) {
        const T* line = x + i / stride * stride * length + i % stride;
        int64_t best = 0;
        for (int64_t k = 1; k < length; ++k) {
          if (Better()(line[k * stride], line[best * stride])) best = k;
        }
        out[i] = static_cast<decltype(index)>(best);
      }
    });
  });
}

}  // namespace

void register_arg_max(OpRegistry& ops) {
  ops.Add({.name = "ArgMax",
           .summary = "Where the largest element along an axis is",
           .infer = Infer,
           .evaluate = Evaluate<std::greater<>>});
  ops.Add({.name = "ArgMin",
           .summary = "Where the smallest element along an axis is",
           .infer = Infer,
           .evaluate = Evaluate<std::less<>>});
}

}  // namespace adze
