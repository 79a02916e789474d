#include "ops/support/copy.h"
#include "ops/support/infer.h"

namespace adze {
namespace {

DType OutType(const Node& node) {
  const DType dtype = node.attr<DType>("out_type", DType::kInt32);
  Require(dtype == DType::kInt32 || dtype == DType::kInt64, ErrorCode::kBadFile, node.op(),
          " out_type is ", Name(dtype));
  return dtype;
}

// Shape and ShapeN: of every input its dimensions.
std::vector<TensorSpec> InferShape(const ShapeContext& context) {
  context.spec(0);
  std::vector<TensorSpec> specs;
  for (const TensorSpec& input : context.inputs) {
    const bool known = input.shape.known_rank();
    specs.push_back({OutType(context.node), {known ? input.shape.rank() : Shape::kUnknown}});
  }
  return specs;
}

void EvaluateShape(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor dims = Tensor::Vector(inputs[i].shape().dims());
    CopyElements(Cast(dims, outputs[i].dtype()), outputs[i]);
  }
}

std::vector<TensorSpec> InferCount(const ShapeContext& context) {
  context.spec(0);
  return {{OutType(context.node), Shape{}}};
}

void EvaluateSize(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Tensor size = Tensor::Scalar<int64_t>(inputs[0].num_elements());
  CopyElements(Cast(size, outputs[0].dtype()), outputs[0]);
}

void EvaluateRank(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const Tensor rank = Tensor::Scalar<int64_t>(inputs[0].shape().rank());
  CopyElements(Cast(rank, outputs[0].dtype()), outputs[0]);
}

}  // namespace

// Ops that look at shapes only.
void register_shape_of(OpRegistry& ops) {
  ops.Add({.name = "Shape",
           .summary = "The shape of a tensor",
           .infer = InferShape,
           .evaluate = EvaluateShape});
  ops.Add({.name = "ShapeN",
           .summary = "The shapes of several tensors",
           .infer = InferShape,
           .evaluate = EvaluateShape});
  ops.Add({.name = "Size",
           .summary = "The number of elements",
           .infer = InferCount,
           .evaluate = EvaluateSize});
  ops.Add({.name = "Rank",
           .summary = "The number of axes",
           .infer = InferCount,
           .evaluate = EvaluateRank});
}

}  // namespace adze
