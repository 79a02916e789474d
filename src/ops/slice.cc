#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// Slice(x, begin, size); a size of -1 takes the rest.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const Shape& shape = context.shape(0);
  const auto begin = KnownInts(context, 1), size = KnownInts(context, 2);
  if (!begin || !size) return {{dtype, shape.known_rank() ? UnknownDims(shape.rank()) : shape}};
  const size_t rank = shape.known_rank() ? shape.rank() : begin->size();
  Require(begin->size() == rank && size->size() == rank, ErrorCode::kBadFile, "Slice of rank ",
          rank, " with ", begin->size(), " begins and ", size->size(), " sizes");
  Shape result = UnknownDims(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t b = (*begin)[i], s = (*size)[i];
    const int64_t dim = shape.known_rank() ? shape[i] : Shape::kUnknown;
    const bool fits = b >= 0 && s >= -1 && (dim == Shape::kUnknown || (b <= dim && s <= dim - b));
    Require(fits, ErrorCode::kBadFile, "Slice of ", s, " elements from ", b, " on, of axis ", i,
            " of ", shape.ToString());
    if (s >= 0) {
      result[i] = s;
    } else if (dim != Shape::kUnknown) {
      result[i] = dim - b;
    }
  }
  return {{dtype, result}};
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  StridedBlock block{.dims = outputs[0].shape().dims(),
                     .from_strides = RowMajorStrides(inputs[0].shape()),
                     .to_strides = RowMajorStrides(outputs[0].shape())};
  const std::vector<int64_t> begin = ToInt64s(inputs[1]);
  for (size_t i = 0; i < begin.size(); ++i) block.from_offset += begin[i] * block.from_strides[i];
  CopyBlock(inputs[0], outputs[0], block);
}

}  // namespace

void register_slice(OpRegistry& ops) {
  ops.Add({.name = "Slice",
           .summary = "A block of a tensor",
           .infer = Infer,
           .evaluate = Evaluate,
           .moves_data_only = true});
}

}  // namespace adze
