#include "adze/op.h"

namespace adze {
namespace {

std::vector<TensorSpec> InferConst(const ShapeContext& context) {
  const Tensor& value = context.node.attr<Tensor>("value");
  return {{value.dtype(), value.shape()}};
}

std::vector<TensorSpec> InferPlaceholder(const ShapeContext& context) {
  return {
      {context.node.attr<DType>("dtype"), context.node.attr<Shape>("shape", Shape::UnknownRank())}};
}

}  // namespace

void register_constant(OpRegistry& ops) {
  ops.Add({.name = "Const",
           .summary = "A constant",
           .infer = InferConst,
           .evaluate = [](const Node& node, std::span<const Tensor>, std::span<Tensor> outputs) {
             outputs[0] = node.const_value();
           }});
  ops.Add({.name = "Placeholder",
           .summary = "An input of the model",
           .infer = InferPlaceholder,
           .has_side_effect = true});
}

}  // namespace adze
