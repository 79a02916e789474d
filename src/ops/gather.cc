#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// Gather(x, indices) takes rows; GatherV2(x, indices, axis) takes slices of any axis. The result
// has the axes of `indices` in the place of that axis.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  Require(node.attr<int64_t>("batch_dims", 0) == 0, ErrorCode::kUnsupported, node.op(),
          " with batch_dims");
  const DType dtype = node.attr<DType>("Tparams", InputType(context));
  const DType index = context.spec(1).dtype;
  Require(index == DType::kInt32 || index == DType::kInt64 || index == DType::kInvalid,
          ErrorCode::kBadFile, node.op(), " with indices of ", Name(index));
  const Shape &shape = context.shape(0), &indices = context.shape(1);
  const auto axis = node.op() == "Gather" ? std::optional<int64_t>(0) : KnownInt(context, 2);
  if (!shape.known_rank() || !indices.known_rank()) return {{dtype, Shape::UnknownRank()}};
  if (!axis) return {{dtype, UnknownDims(shape.rank() - 1 + indices.rank())}};
  std::vector<int64_t> dims = shape.dims();
  auto at = dims.begin() + NormalizeAxis(*axis, shape.rank());
  at = dims.erase(at);
  dims.insert(at, indices.dims().begin(), indices.dims().end());
  return {{dtype, Shape(dims)}};
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  const int axis = inputs.size() > 2 ? NormalizeAxis(ToInt64s(inputs[2]).at(0), shape.rank()) : 0;
  const std::vector<int64_t> indices = ToInt64s(inputs[1]);
  const int64_t length = shape[axis], count = static_cast<int64_t>(indices.size());
  for (int64_t index : indices) {
    Require(index >= 0 && index < length, ErrorCode::kBadFile, "Gather of element ", index, " of ",
            length);
  }
  if (outputs[0].num_elements() == 0) return;
  // As [outer, length, inner] -> [outer, count, inner].
  const int64_t inner = RowMajorStrides(shape)[axis];
  const int64_t outer = inputs[0].num_elements() / (length * inner);
  for (int64_t i = 0; i < count; ++i) {
    CopyBlock(inputs[0], outputs[0],
              {.dims = {outer, inner},
               .from_strides = {length * inner, 1},
               .to_strides = {count * inner, 1},
               .from_offset = indices[i] * inner,
               .to_offset = i * inner});
  }
}

}  // namespace

void register_gather(OpRegistry& ops) {
  ops.Add({.name = "Gather",
           .summary = "Rows at given indices",
           .infer = Infer,
           .evaluate = Evaluate,
           .moves_data_only = true});
  ops.Add({.name = "GatherV2",
           .summary = "Slices at given indices of an axis",
           .infer = Infer,
           .evaluate = Evaluate,
           .moves_data_only = true});
}

}  // namespace adze
