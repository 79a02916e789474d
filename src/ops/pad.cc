#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/permute.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// Pad(x, paddings) and PadV2(x, paddings, value); paddings is [rank, 2]: before and after.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = InputType(context);
  if (context.node.op() == "PadV2") {
    const DType value = context.spec(2).dtype;
    Require(value == dtype || value == DType::kInvalid, ErrorCode::kBadFile, "PadV2 of ",
            Name(dtype), " with ", Name(value));
    const Shape& shape = context.shape(2);
    Require(!shape.IsFullyKnown() || shape.num_elements() == 1, ErrorCode::kBadFile,
            "PadV2 with a value of shape ", shape.ToString());
  }
  const Shape& shape = context.shape(0);
  const auto paddings = KnownInts(context, 1);
  if (!paddings) return {{dtype, shape.known_rank() ? UnknownDims(shape.rank()) : shape}};
  if (!shape.known_rank()) return {{dtype, UnknownDims(paddings->size() / 2)}};
  Require(paddings->size() == 2 * static_cast<size_t>(shape.rank()), ErrorCode::kBadFile,
          context.node.op(), " of rank ", shape.rank(), " with ", paddings->size(), " paddings");
  Shape padded = shape;
  for (int i = 0; i < shape.rank(); ++i) {
    const int64_t before = (*paddings)[2 * i], after = (*paddings)[2 * i + 1];
    Require(before >= 0 && after >= 0, ErrorCode::kBadFile, context.node.op(),
            " with a negative padding");
    if (shape[i] != Shape::kUnknown) padded[i] = CheckedAdd(CheckedAdd(shape[i], before), after);
  }
  return {{dtype, padded}};
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const std::vector<int64_t> paddings = ToInt64s(inputs[1]);
  const std::vector<int64_t> strides = RowMajorStrides(outputs[0].shape());
  int64_t offset = 0;
  for (size_t i = 0; i < strides.size(); ++i) offset += paddings[2 * i] * strides[i];
  FillWith(inputs.size() > 2 ? inputs[2] : Tensor::Zeros(inputs[0].dtype(), Shape{}), outputs[0]);
  CopyBlock(inputs[0], outputs[0],
            {.dims = inputs[0].shape().dims(),
             .from_strides = RowMajorStrides(inputs[0].shape()),
             .to_strides = strides,
             .to_offset = offset});
}

bool KeepsRows(const RowContext& context) {
  const auto paddings = KnownInts(context, 1);
  return context.OnlyRowsAre(0) && paddings->size() >= 2 && (*paddings)[0] == 0 &&
         (*paddings)[1] == 0;
}

}  // namespace

void register_pad(OpRegistry& ops) {
  ops.Add({.name = "Pad",
           .summary = "Zeros around a tensor",
           .infer = Infer,
           .evaluate = Evaluate,
           .keeps_rows = KeepsRows,
           .permute_axes = PermutePaddings<1>});
  ops.Add({.name = "PadV2",
           .summary = "A value around a tensor",
           .infer = Infer,
           .evaluate = Evaluate,
           .keeps_rows = KeepsRows,
           .permute_axes = PermutePaddings<1>});
}

}  // namespace adze
