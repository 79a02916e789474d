#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const Shape& shape = context.shape(0);
  const auto permutation = KnownInts(context, 1);
  if (!permutation) return {{dtype, shape.known_rank() ? UnknownDims(shape.rank()) : shape}};
  const int rank = static_cast<int>(permutation->size());
  Require(!shape.known_rank() || shape.rank() == rank, ErrorCode::kBadFile, "Transpose of ",
          shape.ToString(), " with ", rank, " axes");
  Shape result = UnknownDims(rank);
  std::vector<bool> seen(rank, false);
  for (int i = 0; i < rank; ++i) {
    const int from = NormalizeAxis((*permutation)[i], rank);
    Require(!seen[from], ErrorCode::kBadFile, "Transpose names axis ", from, " twice");
    seen[from] = true;
    if (shape.known_rank()) result[i] = shape[from];
  }
  return {{dtype, result}};
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const std::vector<int64_t> from = RowMajorStrides(inputs[0].shape());
  std::vector<int64_t> strides;
  for (int64_t axis : ToInt64s(inputs[1])) {
    strides.push_back(from[NormalizeAxis(axis, inputs[0].shape().rank())]);
  }
  CopyBlock(inputs[0], outputs[0],
            {outputs[0].shape().dims(), strides, RowMajorStrides(outputs[0].shape())});
}

bool KeepsRows(const RowContext& context) {
  return context.OnlyRowsAre(0) && (*KnownInts(context, 1)).at(0) == 0;
}

}  // namespace

void register_transpose(OpRegistry& ops) {
  ops.Add({.name = "Transpose",
           .summary = "Axes in another order",
           .infer = Infer,
           .evaluate = Evaluate,
           .keeps_rows = KeepsRows,
           .moves_data_only = true});
}

}  // namespace adze
