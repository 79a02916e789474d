#include "ops/support/copy.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"

namespace adze {
namespace {

constexpr int64_t kMostParts = 65536;

int PackAxis(const Node& node, int packed_rank) {
  return NormalizeAxis(node.attr<int64_t>("axis", 0), packed_rank);
}

// Pack(x_0, x_1, ...): the inputs, all of one shape, along a new axis.
std::vector<TensorSpec> InferPack(const ShapeContext& context) {
  const DType dtype = InputType(context);
  Shape shape = Shape::UnknownRank();
  for (const TensorSpec& input : context.inputs) {
    shape = MergeShapes(shape, input.shape);
    Require(input.dtype == dtype || input.dtype == DType::kInvalid || dtype == DType::kInvalid,
            ErrorCode::kBadFile, "Pack of ", Name(dtype), " and ", Name(input.dtype));
  }
  if (!shape.known_rank()) return {{dtype, shape}};
  std::vector<int64_t> dims = shape.dims();
  dims.insert(dims.begin() + PackAxis(context.node, shape.rank() + 1),
              static_cast<int64_t>(context.inputs.size()));
  return {{dtype, Shape(dims)}};
}

// Strides along the axes of a part, within the whole.
std::vector<int64_t> PartStrides(std::vector<int64_t> whole, int axis) {
  whole.erase(whole.begin() + axis);
  return whole;
}

void EvaluatePack(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const std::vector<int64_t> strides = RowMajorStrides(outputs[0].shape());
  const int axis = PackAxis(node, outputs[0].shape().rank());
  for (size_t i = 0; i < inputs.size(); ++i) {
    CopyBlock(inputs[i], outputs[0],
              {.dims = inputs[i].shape().dims(),
               .from_strides = RowMajorStrides(inputs[i].shape()),
               .to_strides = PartStrides(strides, axis),
               .to_offset = static_cast<int64_t>(i) * strides[axis]});
  }
}

std::vector<TensorSpec> InferUnpack(const ShapeContext& context) {
  const int64_t count = context.node.attr<int64_t>("num");
  Require(count >= 0 && count <= kMostParts, ErrorCode::kBadFile, "Unpack into ", count, " parts");
  const Shape& shape = context.shape(0);
  Shape part = shape;
  if (shape.known_rank()) {
    const int axis = PackAxis(context.node, shape.rank());
    Require(shape[axis] == count || shape[axis] == Shape::kUnknown, ErrorCode::kBadFile,
            "Unpack of ", shape.ToString(), " into ", count, " parts along axis ", axis);
    std::vector<int64_t> dims = shape.dims();
    dims.erase(dims.begin() + axis);
    part = Shape(dims);
  }
  return std::vector<TensorSpec>(count, {InputType(context), part});
}

void EvaluateUnpack(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const std::vector<int64_t> strides = RowMajorStrides(inputs[0].shape());
  const int axis = PackAxis(node, inputs[0].shape().rank());
  for (size_t i = 0; i < outputs.size(); ++i) {
    CopyBlock(inputs[0], outputs[i],
              {.dims = outputs[i].shape().dims(),
               .from_strides = PartStrides(strides, axis),
               .to_strides = RowMajorStrides(outputs[i].shape()),
               .from_offset = static_cast<int64_t>(i) * strides[axis]});
  }
}

}  // namespace

void register_pack(OpRegistry& ops) {
  ops.Add({.name = "Pack",
           .summary = "Tensors stacked along a new axis",
           .infer = InferPack,
           .evaluate = EvaluatePack});
  ops.Add({.name = "Unpack",
           .summary = "Slices along an axis",
           .infer = InferUnpack,
           .evaluate = EvaluateUnpack,
           .moves_data_only = true});
}

}  // namespace adze
