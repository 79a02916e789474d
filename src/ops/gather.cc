#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// Gather(x, indices) takes rows; GatherV2(x, indices, axis) takes slices of any axis. The result
// has the axes of `indices` in the place of that axis. The first batch_dims axes are common to x
// and indices: each of their places is gathered on its own.
int BatchDims(const Node& node, int indices_rank, int axis) {
  const int64_t given = node.attr<int64_t>("batch_dims", 0);
  const int64_t batch_dims = given < 0 ? given + indices_rank : given;
  Require(batch_dims >= 0 && batch_dims <= indices_rank && batch_dims <= axis, ErrorCode::kBadFile,
          node.op(), " of axis ", axis, " with batch_dims ", given);
  return static_cast<int>(batch_dims);
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  const DType dtype = node.attr<DType>("Tparams", InputType(context));
  const DType index = context.spec(1).dtype;
  Require(index == DType::kInt32 || index == DType::kInt64 || index == DType::kInvalid,
          ErrorCode::kBadFile, node.op(), " with indices of ", Name(index));
  const Shape &shape = context.shape(0), &indices = context.shape(1);
  const auto axis = node.op() == "Gather" ? std::optional<int64_t>(0) : KnownInt(context, 2);
  if (!shape.known_rank() || !indices.known_rank()) return {{dtype, Shape::UnknownRank()}};
  if (!axis) return {{dtype, Shape::UnknownRank()}};
  const int place = NormalizeAxis(*axis, shape.rank());
  const int batch_dims = BatchDims(node, indices.rank(), place);
  for (int i = 0; i < batch_dims; ++i) {
    Require(shape[i] == indices[i] || shape[i] == Shape::kUnknown || indices[i] == Shape::kUnknown,
            ErrorCode::kBadFile, node.op(), " of ", shape.ToString(), " by indices ",
            indices.ToString(), " with batch_dims ", batch_dims);
  }
  std::vector<int64_t> dims = shape.dims();
  const auto at = dims.erase(dims.begin() + place);
  dims.insert(at, indices.dims().begin() + batch_dims, indices.dims().end());
  return {{dtype, Shape(dims)}};
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  const int axis = inputs.size() > 2 ? NormalizeAxis(ToInt64s(inputs[2]).at(0), shape.rank()) : 0;
  const std::vector<int64_t> indices = ToInt64s(inputs[1]);
  const int64_t length = shape[axis];
  for (int64_t index : indices) {
    Require(index >= 0 && index < length, ErrorCode::kBadFile, "Gather of element ", index, " of ",
            length);
  }
  if (outputs[0].num_elements() == 0) return;
  // As [batch, outer, length, inner] -> [batch, outer, count, inner].
  const int64_t inner = RowMajorStrides(shape)[axis];
  int64_t batch = 1;
  for (int i = 0; i < BatchDims(node, inputs[1].shape().rank(), axis); ++i) batch *= shape[i];
  const int64_t outer = inputs[0].num_elements() / (batch * length * inner);
  const int64_t count = static_cast<int64_t>(indices.size()) / batch;
  for (int64_t i = 0; i < batch * count; ++i) {
    CopyBlock(inputs[0], outputs[0],
              {.dims = {outer, inner},
               .from_strides = {length * inner, 1},
               .to_strides = {count * inner, 1},
               .from_offset = (i / count * outer * length + indices[i]) * inner,
               .to_offset = (i / count * outer * count + i % count) * inner});
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
