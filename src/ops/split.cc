#include <algorithm>

#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

// Far more than any model has, and few enough to list.
constexpr int64_t kMostParts = 65536;

// Split(axis, x) and SplitV(x, sizes, axis).
struct Operands {
  int data, axis;
};
Operands OperandsOf(const Node& node) {
  return node.op() == "Split" ? Operands{1, 0} : Operands{0, 2};
}

// Lengths of the parts along the axis, each perhaps unknown. `dim` is the length of the whole.
std::vector<int64_t> EqualParts(int64_t count, int64_t dim) {
  Require(dim == Shape::kUnknown || dim % count == 0, ErrorCode::kBadFile, "Split of ", dim,
          " elements into ", count, " parts");
  return std::vector<int64_t>(count, dim == Shape::kUnknown ? dim : dim / count);
}

std::vector<int64_t> GivenParts(std::vector<int64_t> sizes, int64_t dim) {
  int64_t sum = 0;
  int64_t* rest = nullptr;
  for (int64_t& size : sizes) {
    Require(size >= 0 || (size == -1 && !rest), ErrorCode::kBadFile, "SplitV with a part of ",
            size);
    if (size == -1) {
      rest = &size;
    } else {
      sum = CheckedAdd(sum, size);
    }
  }
  if (dim == Shape::kUnknown) return sizes;
  Require(rest ? sum <= dim : sum == dim, ErrorCode::kBadFile, "SplitV of ", dim,
          " elements into parts of ", sum, " together");
  if (rest) *rest = dim - sum;
  return sizes;
}

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  const Node& node = context.node;
  const Operands operands = OperandsOf(node);
  const Shape& shape = context.shape(operands.data);
  const int64_t count = node.attr<int64_t>("num_split");
  Require(count >= 1 && count <= kMostParts, ErrorCode::kBadFile, node.op(), " into ", count,
          " parts");
  const auto axis = KnownInt(context, operands.axis);
  const bool equal = node.op() == "Split";
  const auto sizes = equal ? std::nullopt : KnownInts(context, 1);
  Shape part = shape.known_rank() && !axis ? UnknownDims(shape.rank()) : shape;
  const int at = shape.known_rank() && axis ? NormalizeAxis(*axis, shape.rank()) : 0;
  const bool located = shape.known_rank() && axis;
  const int64_t dim = located ? shape[at] : Shape::kUnknown;
  std::vector<int64_t> lengths(count, Shape::kUnknown);
  if (equal) {
    lengths = EqualParts(count, dim);
  } else if (sizes) {
    lengths = GivenParts(*sizes, dim);
    Require(static_cast<int64_t>(lengths.size()) == count, ErrorCode::kBadFile, "SplitV into ",
            count, " parts with ", lengths.size(), " sizes");
  }
  std::vector<TensorSpec> specs;
  for (int64_t length : lengths) {
    if (located) part[at] = length;
    specs.push_back({InputType(context, operands.data), part});
  }
  return specs;
}

void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Operands operands = OperandsOf(node);
  const Tensor& input = inputs[operands.data];
  const int axis = NormalizeAxis(ToInt64s(inputs[operands.axis]).at(0), input.shape().rank());
  const std::vector<int64_t> strides = RowMajorStrides(input.shape());
  int64_t at = 0;
  for (Tensor& output : outputs) {
    CopyBlock(input, output,
              {.dims = output.shape().dims(),
               .from_strides = strides,
               .to_strides = RowMajorStrides(output.shape()),
               .from_offset = at * strides[axis]});
    at += output.shape()[axis];
  }
}

}  // namespace

void register_split(OpRegistry& ops) {
  // Not moves_data_only: its data is input 1, and there are several outputs.
  ops.Add({.name = "Split",
           .summary = "Equal parts along an axis",
           .infer = Infer,
           .evaluate = Evaluate});
  ops.Add({.name = "SplitV",
           .summary = "Parts of given lengths along an axis",
           .infer = Infer,
           .evaluate = Evaluate,
           .moves_data_only = true});
}

}  // namespace adze
