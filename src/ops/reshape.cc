#include <algorithm>

#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/permute.h"

namespace adze {
namespace {

void EvaluateSameElements(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  CopyElements(inputs[0], outputs[0]);
}

// Product of the dimensions that are known.
int64_t KnownProduct(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (int64_t dim : dims) {
    if (dim != Shape::kUnknown) product = CheckedMul(product, dim);
  }
  return product;
}

// A frozen graph may name its batch of one in a constant target ([1, 1001], [1, 1, 1, 256]) though
// it is run with another: if `elements` only fits such a target times a whole number, a leading 1
// is taken for the batch and becomes that number.
Shape WithBatch(std::vector<int64_t> target, int64_t elements) {
  const int64_t each = KnownProduct(target);
  if (elements != each && !target.empty() && target[0] == 1 && each > 0 && elements % each == 0) {
    target[0] = elements / each;
  }
  return Shape(std::move(target));
}

std::vector<TensorSpec> InferReshape(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const Shape& shape = context.shape(0);
  const auto operand = KnownInts(context, 1);
  if (!operand) {
    const Shape& length = context.shape(1);
    const bool known = length.IsFullyKnown() && length.rank() == 1;
    return {{dtype, known ? UnknownDims(length[0]) : Shape::UnknownRank()}};
  }
  std::vector<int64_t> target = *operand;
  const auto wildcard = std::find(target.begin(), target.end(), Shape::kUnknown);
  Require(std::all_of(target.begin(), target.end(), [](int64_t d) { return d >= -1; }) &&
              std::count(target.begin(), target.end(), Shape::kUnknown) <= 1,
          ErrorCode::kBadFile, "Reshape to ", Shape(target).ToString());
  if (!shape.IsFullyKnown()) {
    // The leading 1 may turn out to be the batch; nothing is said of it before the input is known.
    if (wildcard == target.end() && !target.empty() && target[0] == 1) target[0] = Shape::kUnknown;
    return {{dtype, Shape(target)}};
  }
  const int64_t elements = shape.num_elements();
  if (wildcard != target.end()) {
    const int64_t rest = KnownProduct(target);
    if (rest == 0 ? elements == 0 : elements % rest == 0) {
      *wildcard = rest == 0 ? 0 : elements / rest;
    }
  }
  const Shape result = WithBatch(target, elements);
  Require(result.IsFullyKnown() && result.num_elements() == elements, ErrorCode::kBadFile,
          "Reshape of ", shape.ToString(), " to ", Shape(*operand).ToString());
  return {{dtype, result}};
}

std::vector<TensorSpec> InferSqueeze(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const Shape& shape = context.shape(0);
  if (!shape.known_rank()) return {{dtype, shape}};
  const auto axes = context.node.attr<std::vector<int64_t>>("squeeze_dims", {});
  std::vector<bool> gone(shape.rank(), false);
  for (int64_t axis : axes) {
    const int at = NormalizeAxis(axis, shape.rank());
    Require(shape[at] == 1 || shape[at] == Shape::kUnknown, ErrorCode::kBadFile, "Squeeze of axis ",
            axis, " of ", shape.ToString());
    gone[at] = true;
  }
  std::vector<int64_t> dims;
  for (int i = 0; i < shape.rank(); ++i) {
    // Without a list every 1 goes, and an unknown dimension might be one.
    if (axes.empty() && shape[i] == Shape::kUnknown) return {{dtype, Shape::UnknownRank()}};
    if (!(axes.empty() ? shape[i] == 1 : gone[i])) dims.push_back(shape[i]);
  }
  return {{dtype, Shape(dims)}};
}

std::vector<TensorSpec> InferExpandDims(const ShapeContext& context) {
  const DType dtype = InputType(context);
  const Shape& shape = context.shape(0);
  const auto axis = KnownInt(context, 1);
  if (!shape.known_rank()) return {{dtype, shape}};
  if (!axis) return {{dtype, UnknownDims(shape.rank() + 1)}};
  std::vector<int64_t> dims = shape.dims();
  dims.insert(dims.begin() + NormalizeAxis(*axis, shape.rank() + 1), 1);
  return {{dtype, Shape(dims)}};
}

bool PermuteSqueezed(Graph&, Node& node, std::span<const int> axes) {
  const auto squeezed = node.attr<std::vector<int64_t>>("squeeze_dims", {});
  const auto moved = MovedGoneAxes(axes, squeezed);
  if (squeezed.empty() || !moved) return false;
  node.SetAttr("squeeze_dims", *moved);
  return true;
}

}  // namespace

// Ops that give the same elements, in the same order, another shape.
void register_reshape(OpRegistry& ops) {
  ops.Add({.name = "Reshape",
           .summary = "The same elements in another shape",
           .infer = InferReshape,
           .evaluate = EvaluateSameElements,
           .moves_data_only = true});
  ops.Add({.name = "Squeeze",
           .summary = "Axes of length 1 removed",
           .infer = InferSqueeze,
           .evaluate = EvaluateSameElements,
           .permute_axes = PermuteSqueezed,
           .moves_data_only = true});
  ops.Add({.name = "ExpandDims",
           .summary = "An axis of length 1 added",
           .infer = InferExpandDims,
           .evaluate = EvaluateSameElements,
           .moves_data_only = true});
}

}  // namespace adze
