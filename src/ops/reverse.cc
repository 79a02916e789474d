#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0].shape();
  if (inputs[0].num_elements() == 0) return;
  StridedBlock block{.dims = shape.dims(),
                     .from_strides = RowMajorStrides(shape),
                     .to_strides = RowMajorStrides(shape)};
  std::vector<bool> turned(shape.rank());
  for (const int64_t axis : ToInt64s(inputs[1])) {
    const int at = NormalizeAxis(axis, shape.rank());
    Require(!turned[at], ErrorCode::kBadFile, "ReverseV2 of axis ", at, " twice");
    turned[at] = true;
    block.from_offset += (shape[at] - 1) * block.from_strides[at];
    block.from_strides[at] *= -1;
  }
  CopyBlock(inputs[0], outputs[0], block);
}

}  // namespace

void register_reverse(OpRegistry& ops) {
  ops.Add({.name = "ReverseV2",
           .summary = "Turns axes round",
           .infer =
               [](const ShapeContext& context) {
                 context.spec(1);
                 return InferSame(context);
               },
           .evaluate = Evaluate,
           .moves_data_only = true});
}

}  // namespace adze
