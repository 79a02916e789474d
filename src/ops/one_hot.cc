#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// indices, depth, on, off: a new axis of length `depth` that is `on` at the index, `off` elsewhere.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  context.spec(3);
  const DType dtype = context.node.attr<DType>("T", context.spec(2).dtype);
  const Shape& indices = context.shape(0);
  if (!indices.known_rank()) return {{dtype, Shape::UnknownRank()}};
  const int64_t axis = context.node.attr<int64_t>("axis", -1);
  Require(axis >= -1 && axis <= indices.rank(), ErrorCode::kBadFile, "OneHot along axis ", axis,
          " of ", indices.rank() + 1);
  const int at = axis == -1 ? indices.rank() : static_cast<int>(axis);
  std::vector<int64_t> dims = indices.dims();
  const auto depth = KnownInt(context, 1);
  Require(depth.value_or(0) >= 0, ErrorCode::kBadFile, "OneHot of depth ", *depth);
  dims.insert(dims.begin() + at, depth.value_or(Shape::kUnknown));
  return {{dtype, Shape(dims)}};
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  if (outputs[0].num_elements() == 0) return;
  const size_t size = SizeOf(outputs[0].dtype());
  Require(size > 0 && inputs[2].num_elements() == 1 && inputs[3].num_elements() == 1 &&
              inputs[2].dtype() == inputs[3].dtype() && inputs[2].dtype() == outputs[0].dtype(),
          ErrorCode::kBadFile, "OneHot takes one number of one type for on and off");
  const int64_t axis = node.attr<int64_t>("axis", -1);
  const int at = axis == -1 ? shape.rank() - 1 : static_cast<int>(axis);
  const int64_t depth = shape[at], stride = RowMajorStrides(shape)[at];
  const std::vector<int64_t> indices = ToInt64s(inputs[0]);
  const auto *on = static_cast<const char*>(inputs[2].raw()),
             *off = static_cast<const char*>(inputs[3].raw());
  auto* out = static_cast<char*>(outputs[0].mutable_raw());
  for (int64_t i = 0; i < outputs[0].num_elements(); ++i) {
    const int64_t line = i / (stride * depth) * stride + i % stride;
    const bool hit = indices[line] == i / stride % depth;
    std::copy_n(hit ? on : off, size, out + i * size);
  }
}

}  // namespace

void register_one_hot(OpRegistry& ops) {
  ops.Add({.name = "OneHot",
           .summary = "One value at each index, another one elsewhere",
           .infer = Infer,
           .evaluate = Evaluate});
}

}  // namespace adze
