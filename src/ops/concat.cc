#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/permute.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// Which operands are joined, and which holds the axis: last in ConcatV2, first in Concat.
struct Operands {
  int axis, first, count;
};
Operands OperandsOf(const Node& node, size_t num_inputs) {
  const int count = static_cast<int>(num_inputs) - 1;
  Require(count >= 1, ErrorCode::kBadFile, node.op(), " of nothing");
  return node.op() == "ConcatV2" ? Operands{count, 0, count} : Operands{0, 1, count};
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Operands operands = OperandsOf(context.node, context.inputs.size());
  const auto joined = context.inputs.subspan(operands.first, operands.count);
  const auto axis = KnownInt(context, operands.axis);
  const DType dtype = InputType(context, operands.first);
  Shape shape = Shape::UnknownRank();
  int64_t length = 0;
  for (const TensorSpec& input : joined) {
    Require(input.dtype == dtype || input.dtype == DType::kInvalid || dtype == DType::kInvalid,
            ErrorCode::kBadFile, context.node.op(), " of ", Name(dtype), " and ",
            Name(input.dtype));
    if (!input.shape.known_rank()) {
      length = Shape::kUnknown;
      continue;
    }
    if (!axis) {
      shape = MergeShapes(shape, UnknownDims(input.shape.rank()));
      continue;
    }
    Shape others = input.shape;
    int64_t& own = others[NormalizeAxis(*axis, others.rank())];
    length = length == Shape::kUnknown || own == Shape::kUnknown ? Shape::kUnknown
                                                                 : CheckedAdd(length, own);
    own = Shape::kUnknown;
    shape = MergeShapes(shape, others);
  }
  if (axis && shape.known_rank()) shape[NormalizeAxis(*axis, shape.rank())] = length;
  return {{dtype, shape}};
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Operands operands = OperandsOf(node, inputs.size());
  const Shape& shape = outputs[0].shape();
  const int axis = NormalizeAxis(ToInt64s(inputs[operands.axis]).at(0), shape.rank());
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  int64_t at = 0;
  for (const Tensor& input : inputs.subspan(operands.first, operands.count)) {
    CopyBlock(input, outputs[0],
              {.dims = input.shape().dims(),
               .from_strides = RowMajorStrides(input.shape()),
               .to_strides = strides,
               .to_offset = at * strides[axis]});
    at += input.shape()[axis];
  }
}

// ConcatOffset(axis, shape_0, shape_1, ...): where each part begins in the concatenation.
std::vector<TensorSpec> InferOffset(const ShapeContext& context) {
  context.spec(1);
  std::vector<TensorSpec> specs;
  for (const TensorSpec& input : context.inputs.subspan(1)) {
    specs.push_back({DType::kInt32, MergeShapes(context.shape(1), input.shape)});
  }
  return specs;
}

void EvaluateOffset(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const int rank = static_cast<int>(inputs[1].num_elements());
  const int axis = NormalizeAxis(ToInt64s(inputs[0]).at(0), rank);
  int64_t at = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto offset = outputs[i].mutable_data<int32_t>();
    std::fill(offset.begin(), offset.end(), 0);
    offset[axis] = static_cast<int32_t>(at);
    at = CheckedAdd(at, ToInt64s(inputs[i + 1])[axis]);
  }
}

bool KeepsRows(const RowContext& context) {
  const Operands operands = OperandsOf(context.node, context.inputs.size());
  const auto axis = KnownInt(context, operands.axis);
  if (!axis || NormalizeAxis(*axis, context.outputs[0].shape.rank()) == 0) return false;
  const auto joined = context.rows.begin() + operands.first;
  return std::all_of(joined, joined + operands.count, [](bool has_rows) { return has_rows; });
}

bool PermuteAxes(Graph& graph, Node& node, std::span<const int> axes) {
  const int operand = OperandsOf(node, node.num_inputs()).axis;
  const auto axis = ConstInts(node, operand);
  if (!axis) return false;
  SetConstInts(graph, node, operand, {MovedAxis(axes, axis->at(0))});
  return true;
}

}  // namespace

void register_concat(OpRegistry& ops) {
  ops.Add({.name = "ConcatV2",
           .summary = "Tensors joined along an axis",
           .infer = Infer,
           .evaluate = Evaluate,
           .keeps_rows = KeepsRows,
           .permute_axes = PermuteAxes});
  ops.Add({.name = "Concat",
           .summary = "ConcatV2 with the axis in front",
           .infer = Infer,
           .evaluate = Evaluate,
           .keeps_rows = KeepsRows,
           .permute_axes = PermuteAxes});
  ops.Add({.name = "ConcatOffset",
           .summary = "Where each tensor begins in a concatenation",
           .infer = InferOffset,
           .evaluate = EvaluateOffset});
}

}  // namespace adze
