#include "adze/known_value.h"

#include "adze/op.h"

namespace adze {
namespace {

constexpr int kMostNodes = 64;
constexpr int64_t kMostElements = 4096;

std::optional<Tensor> Evaluate(Value value, int* nodes_left) {
  const Node& node = *value.node;
  if (--*nodes_left < 0) return std::nullopt;
  if (node.IsConst()) {
    return value.index == 0 ? std::optional(node.const_value()) : std::nullopt;
  }
  const bool is_default = node.op() == "PlaceholderWithDefault";
  const OpDef* def = node.def();
  if (!def || !def->evaluate || (def->has_side_effect && !is_default) || node.num_inputs() == 0) {
    return std::nullopt;
  }
  std::vector<Tensor> inputs;
  std::vector<TensorSpec> specs;
  std::vector<const Tensor*> constants;
  for (const Value input : node.inputs()) {
    std::optional<Tensor> known = Evaluate(input, nodes_left);
    if (!known || known->num_elements() > kMostElements) return std::nullopt;
    inputs.push_back(std::move(*known));
  }
  if (is_default) {
    return inputs[0].shape().rank() == 0 ? std::optional(inputs[0]) : std::nullopt;
  }
  for (const Tensor& input : inputs) {
    specs.push_back({input.dtype(), input.shape()});
    constants.push_back(&input);
  }
  ErrorScope scope("node", node.name());
  for (const TensorSpec& spec : def->infer({node, specs, constants})) {
    if (!spec.shape.IsFullyKnown() || spec.shape.num_elements() > kMostElements) {
      return std::nullopt;
    }
  }
  std::vector<Tensor> outputs = EvaluateNode(node, inputs);
  if (value.index >= static_cast<int>(outputs.size())) return std::nullopt;
  return outputs[value.index];
}

}  // namespace

std::optional<Tensor> KnownValue(Value value) {
  int nodes_left = kMostNodes;
  return Evaluate(value, &nodes_left);
}

}  // namespace adze
