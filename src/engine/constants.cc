#include "engine/constants.h"

#include <algorithm>

namespace adze {

ConstantValues::ConstantValues(std::span<Node* const> nodes, const ValueSet& kept,
                               const ConstantValues* base, const ShapeMap* shapes)
    : base_(base) {
  // Readers not yet seen, so that weights on their way through fake quantization do not pile up.
  ValueMap<int> readers;
  for (Node* node : nodes) {
    for (Value input : node->inputs()) ++readers[input];
  }
  for (Node* node : nodes) {
    if (base && base->folded_.count(node)) continue;
    if (!Evaluate(*node, shapes)) continue;
    folded_.insert(node);
    for (Value input : node->inputs()) {
      if (--readers[input] == 0 && !kept.count(input)) values_.erase(input);
    }
  }
}

bool ConstantValues::Evaluate(Node& node, const ShapeMap* shapes) {
  if (node.IsConst()) {
    values_[node.output()] = node.const_value();
    return true;
  }
  if (const Tensor* known = shapes ? shapes->constant(node.output()) : nullptr) {
    values_[node.output()] = *known;
    for (int i = 1; (known = shapes->constant({&node, i})); ++i) values_[{&node, i}] = *known;
    return true;
  }
  const OpDef* def = node.def();
  if (node.num_inputs() == 0 || !def || !def->evaluate || def->has_side_effect ||
      node.op() == "PlaceholderWithDefault") {
    return false;
  }
  std::vector<Tensor> inputs;
  for (Value input : node.inputs()) {
    const Tensor* value = Find(input);
    if (!value) return false;
    inputs.push_back(*value);
  }
  std::vector<Tensor> outputs = EvaluateNode(node, inputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    values_[{&node, static_cast<int>(i)}] = std::move(outputs[i]);
  }
  return true;
}

const Tensor* ConstantValues::Find(Value value) const {
  auto it = values_.find(value);
  if (it != values_.end()) return &it->second;
  return base_ ? base_->Find(value) : nullptr;
}

}  // namespace adze
