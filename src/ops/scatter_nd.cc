#include <algorithm>

#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

// ScatterNd(indices [..., k], updates, shape): zeros of `shape` to which each slice of the updates
// is added where its row of indices says.
std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = context.spec(1).dtype;
  const auto shape = KnownInts(context, 2);
  if (!shape) {
    const Shape& length = context.shape(2);
    const bool known = length.IsFullyKnown() && length.rank() == 1;
    return {{dtype, known ? UnknownDims(length[0]) : Shape::UnknownRank()}};
  }
  const Shape result = ShapeOf(*shape);
  const Shape &indices = context.shape(0), &updates = context.shape(1);
  if (indices.IsFullyKnown() && updates.IsFullyKnown()) {
    const int rank = indices.rank();
    const int64_t count = rank > 0 ? indices[rank - 1] : 0;
    bool fits = rank > 0 && count <= result.rank() &&
                updates.rank() == rank - 1 + result.rank() - static_cast<int>(count);
    for (int i = 0; fits && i < updates.rank(); ++i) {
      fits = updates[i] == (i < rank - 1 ? indices[i] : result[i - rank + 1 + count]);
    }
    Require(fits, ErrorCode::kBadFile, "ScatterNd of ", updates.ToString(), " at indices ",
            indices.ToString(), " into ", result.ToString());
  }
  return {{dtype, result}};
}

void Evaluate(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape &shape = outputs[0].shape(), &indices = inputs[0].shape();
  const int64_t count = indices[indices.rank() - 1];
  const std::vector<int64_t> at = ToInt64s(inputs[0]), strides = RowMajorStrides(shape);
  int64_t slice = 1;
  for (int axis = static_cast<int>(count); axis < shape.rank(); ++axis) slice *= shape[axis];
  Dispatch<float, double, int32_t, int64_t>(outputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;  // integers wrap around
    const std::span<T> out = outputs[0].mutable_data<T>();
    std::fill(out.begin(), out.end(), T(0));
    if (slice == 0) return;
    const std::span<const T> in = inputs[1].data<T>();
    for (int64_t row = 0; row < inputs[1].num_elements() / slice; ++row) {
      int64_t offset = 0;
      for (int64_t k = 0; k < count; ++k) {
        const int64_t index = at[row * count + k];
        Require(index >= 0 && index < shape[static_cast<int>(k)], ErrorCode::kBadFile,
                "ScatterNd to element ", index, " of ", shape[static_cast<int>(k)]);
        offset += index * strides[k];
      }
      for (int64_t i = 0; i < slice; ++i) {
        out[offset + i] = static_cast<T>(static_cast<Sum>(out[offset + i]) +
                                         static_cast<Sum>(in[row * slice + i]));
      }
    }
  });
}

}  // namespace

void register_scatter_nd(OpRegistry& ops) {
  ops.Add({.name = "ScatterNd",
           .summary = "Sums of slices at given positions, zeros elsewhere",
           .infer = Infer,
           .evaluate = Evaluate});
}

}  // namespace adze
