#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// x, indices [..., k]: each row of indices names an element or slice of x by its first k axes.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = context.node.attr<DType>("Tparams", InputType(context));
  const Shape &shape = context.shape(0), &indices = context.shape(1);
  if (!shape.known_rank() || !indices.known_rank() || indices.rank() == 0 ||
      indices[indices.rank() - 1] < 0) {
    return {{dtype, Shape::UnknownRank()}};
  }
  const int64_t count = indices[indices.rank() - 1];
  Require(count <= shape.rank(), ErrorCode::kBadFile, "GatherNd by ", count, " indices of ",
          shape.ToString());
  std::vector<int64_t> dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), shape.dims().begin() + count, shape.dims().end());
  return {{dtype, Shape(dims)}};
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape &shape = inputs[0].shape(), &indices = inputs[1].shape();
  if (outputs[0].num_elements() == 0) return;
  const int64_t count = indices[indices.rank() - 1];
  const std::vector<int64_t> at = ToInt64s(inputs[1]), strides = RowMajorStrides(shape);
  int64_t slice = 1;
  for (int axis = static_cast<int>(count); axis < shape.rank(); ++axis) slice *= shape[axis];
  for (int64_t row = 0; row < outputs[0].num_elements() / slice; ++row) {
    int64_t offset = 0;
    for (int64_t k = 0; k < count; ++k) {
      const int64_t index = at[row * count + k];
      Require(index >= 0 && index < shape[static_cast<int>(k)], ErrorCode::kBadFile,
              "GatherNd of element ", index, " of ", shape[static_cast<int>(k)]);
      offset += index * strides[k];
    }
    CopyBlock(inputs[0], outputs[0],
              {.dims = {slice},
               .from_strides = {1},
               .to_strides = {1},
               .from_offset = offset,
               .to_offset = row * slice});
  }
}

}  // namespace

void register_gather_nd(OpRegistry& ops) {
  ops.Add({.name = "GatherNd",
           .summary = "Elements or slices at given positions",
           .infer = Infer,
           .evaluate = Evaluate,
           .moves_data_only = true});
}

}  // namespace adze
