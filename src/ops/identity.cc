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

// The attribute says what may be fed; the default's own shape may be narrower.
std::vector<TensorSpec> InferDefault(const ShapeContext& context) {
  return {{InputType(context), context.node.attr<Shape>("shape", context.shape(0))}};
}

}  // namespace

void register_identity(OpRegistry& ops) {
  for (const char* name :
       {"Identity", "StopGradient", "PreventGradient", "Snapshot", "CheckNumerics"}) {
    ops.Add({.name = name, .infer = InferSame, .evaluate = EvaluateAll, .moves_data_only = true});
  }
  ops.Add({.name = "IdentityN", .infer = InferAll, .evaluate = EvaluateAll});
  ops.Add({.name = "PlaceholderWithDefault",
           .infer = InferDefault,
           .evaluate = EvaluateAll,
           .has_side_effect = true});
  for (const char* name : {"NoOp", "Assert"}) {
    ops.Add({.name = name,
             .infer = InferNothing,
             .evaluate = EvaluateNothing,
             .has_side_effect = true});
  }
}

}  // namespace adze
