#include "ops/support/copy.h"
#include "ops/support/infer.h"

namespace adze {
namespace {

std::vector<TensorSpec> InferAll(const ShapeContext& context) {
  return {context.inputs.begin(), context.inputs.end()};
}

void EvaluateAll(const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) CopyElements(inputs[i], outputs[i]);
}

std::vector<TensorSpec> InferNothing(const ShapeContext&) { return {}; }
void EvaluateNothing(const Node&, std::span<const Tensor>, std::span<Tensor>) {}

std::vector<TensorSpec> InferEnsured(const ShapeContext& context) {
  const Shape ensured = context.node.attr<Shape>("shape", Shape::UnknownRank());
  return {{InputType(context), MergeShapes(context.shape(0), ensured)}};
}

// The attribute says what may be fed; the default's own shape may be narrower.
std::vector<TensorSpec> InferDefault(const ShapeContext& context) {
  return {{InputType(context), context.node.attr<Shape>("shape", context.shape(0))}};
}

}  // namespace

void register_identity(OpRegistry& ops) {
  for (const char* name :
       {"Identity", "StopGradient", "PreventGradient", "Snapshot", "CheckNumerics"}) {
    ops.Add({.name = name,
             .summary = "The input as it is",
             .infer = InferSame,
             .evaluate = EvaluateAll,
             .moves_data_only = true});
  }
  ops.Add({.name = "EnsureShape",
           .summary = "The input, whose shape must fit",
           .infer = InferEnsured,
           .evaluate = EvaluateAll,
           .moves_data_only = true});
  ops.Add({.name = "IdentityN",
           .summary = "Several inputs as they are",
           .infer = InferAll,
           .evaluate = EvaluateAll});
  ops.Add({.name = "PlaceholderWithDefault",
           .summary = "An input of the model that may be left out",
           .infer = InferDefault,
           .evaluate = EvaluateAll,
           .has_side_effect = true});
  for (const char* name : {"NoOp", "Assert"}) {
    ops.Add({.name = name,
             .summary = "Nothing, in inference",
             .infer = InferNothing,
             .evaluate = EvaluateNothing,
             .has_side_effect = true});
  }
}

}  // namespace adze
