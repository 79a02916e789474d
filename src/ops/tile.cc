#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

std::vector<TensorSpec> InferTile(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const Shape& shape = context.shape(0);
  const auto multiples = KnownInts(context, 1);
  if (!multiples) return {{dtype, shape.known_rank() ? UnknownDims(shape.rank()) : shape}};
  const Shape times = ShapeOf(*multiples);
  if (!shape.known_rank()) return {{dtype, UnknownDims(times.rank())}};
  Require(times.rank() == shape.rank(), ErrorCode::kBadFile, "Tile of ", shape.ToString(), " with ",
          times.rank(), " multiples");
  Shape result = shape;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != Shape::kUnknown) result[i] = CheckedMul(shape[i], times[i]);
  }
  return {{dtype, result}};
}

// A walk over [m0, d0, m1, d1, ...] in which the source does not move along the multiples.
void EvaluateTile(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  const std::vector<int64_t> multiples = ToInt64s(inputs[1]);
  const std::vector<int64_t> from = RowMajorStrides(shape);
  const std::vector<int64_t> to = RowMajorStrides(outputs[0].shape());
  StridedBlock block;
  for (int i = 0; i < shape.rank(); ++i) {
    block.dims.insert(block.dims.end(), {multiples[i], shape[i]});
    block.from_strides.insert(block.from_strides.end(), {0, from[i]});
    block.to_strides.insert(block.to_strides.end(), {to[i] * shape[i], to[i]});
  }
  CopyBlock(inputs[0], outputs[0], block);
}

std::vector<TensorSpec> InferBroadcastTo(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const auto dims = KnownInts(context, 1);
  if (!dims) return {{dtype, Shape::UnknownRank()}};
  const Shape target = ShapeOf(*dims);
  const Shape& shape = context.shape(0);
  if (shape.known_rank()) {
    Require(shape.rank() <= target.rank(), ErrorCode::kBadFile, "BroadcastTo of ", shape.ToString(),
            " to ", target.ToString());
    for (int i = 1; i <= shape.rank(); ++i) {
      const int64_t from = shape[shape.rank() - i], to = target[target.rank() - i];
      Require(from == to || from == 1 || from == Shape::kUnknown, ErrorCode::kBadFile,
              "BroadcastTo of ", shape.ToString(), " to ", target.ToString());
    }
  }
  return {{dtype, target}};
}

void EvaluateBroadcastTo(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  CopyBroadcast(inputs[0], outputs[0]);
}

}  // namespace

void register_tile(OpRegistry& ops) {
  ops.Add({.name = "Tile",
           .summary = "A tensor repeated along its axes",
           .infer = InferTile,
           .evaluate = EvaluateTile,
           .moves_data_only = true});
  ops.Add({.name = "BroadcastTo",
           .summary = "A tensor broadcast to a shape",
           .infer = InferBroadcastTo,
           .evaluate = EvaluateBroadcastTo,
           .moves_data_only = true});
}

}  // namespace adze
