#pragma once

#include <span>
#include <unordered_set>

#include "adze/op.h"
#include "engine/value_map.h"

namespace adze {

// Values that do not depend on fed elements.
class ConstantValues {
 public:
  // Evaluates the nodes (topological order) whose inputs are all constant. Results that only other
  // constants read are dropped again, unless they are `kept`.
  ConstantValues(std::span<Node* const> nodes, const ValueSet& kept)
      : ConstantValues(nodes, kept, nullptr, nullptr) {}
  // Adds what follows from the shapes of one set of feeds.
  ConstantValues(std::span<Node* const> nodes, const ValueSet& kept, const ConstantValues& base,
                 const ShapeMap& shapes)
      : ConstantValues(nodes, kept, &base, &shapes) {}

  const Tensor* Find(Value value) const;  // null if it is not constant

 private:
  ConstantValues(std::span<Node* const> nodes, const ValueSet& kept, const ConstantValues* base,
                 const ShapeMap* shapes);
  bool Evaluate(Node& node, const ShapeMap* shapes);

  const ConstantValues* base_;
  ValueMap<Tensor> values_;
  std::unordered_set<const Node*> folded_;
};

}  // namespace adze
