#include <algorithm>

#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// What one axis of the input gives: `length` elements from `begin` on, `stride` apart.
struct Range {
  int64_t begin = 0, length = Shape::kUnknown, stride = 1;
  bool shrinks = false;  // its axis disappears (x[3])
};

// x[begin:end:stride, ...] taken apart: one range per input axis, and for every output axis the
// input axis it comes from, or kNewAxis.
constexpr int kNewAxis = -1;
struct Plan {
  std::vector<Range> ranges;
  std::vector<int> output_axes;
};

struct Masks {
  int64_t begin, end, ellipsis, new_axis, shrink;
  explicit Masks(const Node& node)
      : begin(node.attr<int64_t>("begin_mask", 0)),
        end(node.attr<int64_t>("end_mask", 0)),
        ellipsis(node.attr<int64_t>("ellipsis_mask", 0)),
        new_axis(node.attr<int64_t>("new_axis_mask", 0)),
        shrink(node.attr<int64_t>("shrink_axis_mask", 0)) {}
};

bool Bit(int64_t mask, int i) { return i < 63 && (mask >> i & 1); }

// Position from one that counts from the end if it is negative.
int64_t FromEnd(int64_t position, int64_t dim) { return position < 0 ? position + dim : position; }

Range RangeOf(int64_t begin, int64_t end, int64_t stride, bool from_first, bool to_last,
              bool shrink, int64_t dim) {
  Require(stride != 0, ErrorCode::kBadFile, "StridedSlice with stride 0");
  if (shrink) {
    Require(stride > 0, ErrorCode::kBadFile, "StridedSlice takes one element with stride ", stride);
    if (dim == Shape::kUnknown) return {.length = 1, .shrinks = true};
    const int64_t at = FromEnd(from_first ? 0 : begin, dim);
    Require(at >= 0 && at < dim, ErrorCode::kBadFile, "StridedSlice takes element ", begin, " of ",
            dim);
    return {.begin = at, .length = 1, .shrinks = true};
  }
  if (dim == Shape::kUnknown) {
    const bool whole = from_first && to_last;
    // Of an unknown axis, x[:n] could be shorter than n; nothing is known but an empty range.
    return {.length = !whole && !from_first && !to_last && begin == end ? 0 : Shape::kUnknown,
            .stride = stride};
  }
  // A range that runs backwards stands between elements -1 and dim - 1.
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? dim : dim - 1;
  const int64_t first =
      from_first ? (stride > 0 ? low : high) : std::clamp(FromEnd(begin, dim), low, high);
  const int64_t last =
      to_last ? (stride > 0 ? high : low) : std::clamp(FromEnd(end, dim), low, high);
  const int64_t distance = stride > 0 ? last - first : first - last;
  // |stride| as unsigned: the most negative one has no positive twin.
  const uint64_t step = stride > 0 ? stride : 0 - static_cast<uint64_t>(stride);
  const int64_t length =
      distance <= 0 ? 0 : static_cast<int64_t>((static_cast<uint64_t>(distance) - 1) / step + 1);
  return {.begin = length == 0 ? 0 : first, .length = length, .stride = length > 1 ? stride : 1};
}

Plan Unfold(const Node& node, const Shape& shape, const std::vector<int64_t>& begin,
            const std::vector<int64_t>& end, const std::vector<int64_t>& stride) {
  const Masks masks(node);
  const int count = static_cast<int>(begin.size());
  Require(end.size() == begin.size() && stride.size() == begin.size() && count <= 32,
          ErrorCode::kBadFile, "StridedSlice with ", count, " begins, ", end.size(), " ends and ",
          stride.size(), " strides");
  int named = 0;  // axes of the input that have an entry
  bool ellipsis = false;
  for (int i = 0; i < count; ++i) {
    if (Bit(masks.ellipsis, i)) {
      Require(!ellipsis, ErrorCode::kBadFile, "StridedSlice with two ellipses");
      ellipsis = true;
    } else {
      named += !Bit(masks.new_axis, i);
    }
  }
  Require(named <= shape.rank(), ErrorCode::kBadFile, "StridedSlice of ", shape.ToString(),
          " along ", named, " axes");
  Plan plan;
  const auto take = [&](const Range& range) {
    if (!range.shrinks) plan.output_axes.push_back(static_cast<int>(plan.ranges.size()));
    plan.ranges.push_back(range);
  };
  const auto take_whole = [&](int axes) {
    for (int k = 0; k < axes; ++k) take({.length = shape[static_cast<int>(plan.ranges.size())]});
  };
  for (int i = 0; i < count; ++i) {
    if (Bit(masks.ellipsis, i)) {
      take_whole(shape.rank() - named);
    } else if (Bit(masks.new_axis, i)) {
      plan.output_axes.push_back(kNewAxis);
    } else {
      take(RangeOf(begin[i], end[i], stride[i], Bit(masks.begin, i), Bit(masks.end, i),
                   Bit(masks.shrink, i), shape[static_cast<int>(plan.ranges.size())]));
    }
  }
  take_whole(shape.rank() - static_cast<int>(plan.ranges.size()));
  return plan;
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const Shape& shape = context.shape(0);
  const auto begin = KnownInts(context, 1), end = KnownInts(context, 2),
             stride = KnownInts(context, 3);
  if (!shape.known_rank() || !begin || !end || !stride) return {{dtype, Shape::UnknownRank()}};
  const Plan plan = Unfold(context.node, shape, *begin, *end, *stride);
  std::vector<int64_t> dims;
  for (int axis : plan.output_axes) {
    dims.push_back(axis == kNewAxis ? 1 : plan.ranges[axis].length);
  }
  return {{dtype, Shape(dims)}};
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Plan plan = Unfold(node, inputs[0].shape(), ToInt64s(inputs[1]), ToInt64s(inputs[2]),
                           ToInt64s(inputs[3]));
  const std::vector<int64_t> strides = RowMajorStrides(inputs[0].shape());
  StridedBlock block{.dims = outputs[0].shape().dims(),
                     .to_strides = RowMajorStrides(outputs[0].shape())};
  for (size_t i = 0; i < strides.size(); ++i) {
    block.from_offset += plan.ranges[i].begin * strides[i];
  }
  for (int axis : plan.output_axes) {
    block.from_strides.push_back(axis == kNewAxis ? 0 : plan.ranges[axis].stride * strides[axis]);
  }
  CopyBlock(inputs[0], outputs[0], block);
}

}  // namespace

// StridedSlice(x, begin, end, strides): Python's x[begin:end:stride, ..., newaxis, 3].
void register_strided_slice(OpRegistry& ops) {
  ops.Add({.name = "StridedSlice",
           .summary = "A block of a tensor with steps, as x[a:b:c]",
           .infer = Infer,
           .evaluate = Evaluate,
           .moves_data_only = true});
}

}  // namespace adze
