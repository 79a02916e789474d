#include <algorithm>
#include <cstring>

#include "ops/support/broadcast.h"
#include "ops/support/image.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

// LinSpace(start, stop, count): `count` numbers at equal distances, both ends among them.
std::vector<TensorSpec> InferLinSpace(const ShapeContext& context) {
  const std::optional<int64_t> count = KnownInt(context, 2);
  Require(count.value_or(1) > 0, ErrorCode::kBadFile, "LinSpace of ", *count, " numbers");
  return {{FloatType(context, {0, 1}), Shape{count.value_or(Shape::kUnknown)}}};
}

void EvaluateLinSpace(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const float start = OneFloat(inputs[0], "first number"),
              stop = OneFloat(inputs[1], "last number");
  const std::span<float> out = outputs[0].mutable_data<float>();
  const float step = out.size() > 1 ? (stop - start) / static_cast<float>(out.size() - 1) : 0;
  for (size_t i = 0; i < out.size(); ++i) out[i] = start + step * static_cast<float>(i);
  if (out.size() > 1) out.back() = stop;
}

std::vector<TensorSpec> InferInvertPermutation(const ShapeContext& context) {
  return {{InputType(context), ShapeOfRank(context, 0, 1)}};
}

void EvaluateInvertPermutation(const Node&, std::span<const Tensor> inputs,
                               std::span<Tensor> outputs) {
  Dispatch<int32_t, int64_t>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    const std::span<const T> in = inputs[0].data<T>();
    const std::span<T> out = outputs[0].mutable_data<T>();
    std::fill(out.begin(), out.end(), T(-1));
    for (size_t i = 0; i < in.size(); ++i) {
      const bool fits = in[i] >= 0 && static_cast<size_t>(in[i]) < in.size() && out[in[i]] < 0;
      Require(fits, ErrorCode::kBadFile, "InvertPermutation of what is none: element ", i, " is ",
              in[i]);
      out[in[i]] = static_cast<T>(i);
    }
  });
}

// BroadcastArgs(a, b): the shape that two shapes broadcast to.
std::vector<TensorSpec> InferBroadcastArgs(const ShapeContext& context) {
  const Shape a = ShapeOfRank(context, 0, 1), b = ShapeOfRank(context, 1, 1);
  const bool known = a[0] >= 0 && b[0] >= 0;
  return {{InputType(context), Shape{known ? std::max(a[0], b[0]) : Shape::kUnknown}}};
}

void EvaluateBroadcastArgs(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Shape shape = BroadcastShapes(ShapeOf(ToInt64s(inputs[0])), ShapeOf(ToInt64s(inputs[1])));
  const Tensor dims = Cast(Tensor::Vector(shape.dims()), outputs[0].dtype());
  std::memcpy(outputs[0].mutable_raw(), dims.raw(), dims.num_bytes());
}

// ReverseSequence(x, lengths): each row turned round, up to its own length.
struct SequenceAxes {
  int64_t batch, sequence;
};

SequenceAxes AxesOf(const Node& node, const Shape& shape) {
  const SequenceAxes axes{node.attr<int64_t>("batch_dim", 0), node.attr<int64_t>("seq_dim")};
  Require(axes.batch >= 0 && axes.sequence >= 0 && axes.batch != axes.sequence &&
              std::max(axes.batch, axes.sequence) < shape.rank(),
          ErrorCode::kBadFile, "ReverseSequence along axes ", axes.batch, " and ", axes.sequence,
          " of ", shape.ToString());
  return axes;
}

std::vector<TensorSpec> InferReverseSequence(const ShapeContext& context) {
  const Shape &shape = context.shape(0), lengths = ShapeOfRank(context, 1, 1);
  if (shape.known_rank()) {
    SameDim(context.node, "sequences", shape[AxesOf(context.node, shape).batch], lengths[0]);
  }
  return {{FixedSizeType(context), shape}};
}

void EvaluateReverseSequence(const Node& node, std::span<const Tensor> inputs,
                             std::span<Tensor> outputs) {
  if (outputs[0].num_elements() == 0) return;
  const Shape& shape = inputs[0].shape();
  const SequenceAxes axes = AxesOf(node, shape);
  const std::vector<int64_t> lengths = ToInt64s(inputs[1]), strides = RowMajorStrides(shape);
  const int64_t last = std::max(axes.batch, axes.sequence), block = strides[last];
  const size_t bytes = block * SizeOf(inputs[0].dtype());
  const char* in = static_cast<const char*>(inputs[0].raw());
  char* out = static_cast<char*>(outputs[0].mutable_raw());
  for (const int64_t length : lengths) {
    Require(length >= 0 && length <= shape[axes.sequence], ErrorCode::kBadFile,
            "ReverseSequence of ", length, " elements of ", shape[axes.sequence]);
  }
  for (int64_t i = 0; i < shape.num_elements() / block; ++i) {
    const int64_t length = lengths[i * block / strides[axes.batch] % shape[axes.batch]];
    const int64_t at = i * block / strides[axes.sequence] % shape[axes.sequence];
    const int64_t moved = at < length ? length - 1 - 2 * at : 0;
    const int64_t source = i + moved * (strides[axes.sequence] / block);
    std::memcpy(out + i * bytes, in + source * bytes, bytes);
  }
}

}  // namespace

// Ops on shapes, permutations and sequences that recurrent networks and attention use.
void register_sequence(OpRegistry& ops) {
  ops.Add({.name = "LinSpace",
           .summary = "Numbers at equal distances",
           .infer = InferLinSpace,
           .evaluate = InFloat(EvaluateLinSpace)});
  ops.Add({.name = "InvertPermutation",
           .summary = "The permutation that undoes another",
           .infer = InferInvertPermutation,
           .evaluate = EvaluateInvertPermutation});
  ops.Add({.name = "BroadcastArgs",
           .summary = "The shape that two shapes broadcast to",
           .infer = InferBroadcastArgs,
           .evaluate = EvaluateBroadcastArgs});
  ops.Add({.name = "ReverseSequence",
           .summary = "Rows turned round, each up to its own length",
           .infer = InferReverseSequence,
           .evaluate = EvaluateReverseSequence,
           .moves_data_only = true});
}

}  // namespace adze
