#pragma once

#include <functional>
#include <span>
#include <vector>

#include "adze/op.h"
#include "engine/constants.h"
#include "engine/value_map.h"

namespace adze {

// What is computed in one run for one set of feed shapes: nodes, readers and shapes of the values
// that depend on fed elements.
class Flow {
 public:
  // `nodes` in topological order. `fetches` and values that `wants` are pinned: they must exist
  // as they are. `fed` are the placeholders that get a feed.
  Flow(std::span<Node* const> nodes, std::span<const Value> fetches,
       std::unordered_set<const Node*> fed, ShapeMap shapes, ConstantValues constants,
       const std::function<bool(Value)>& wants);

  // Nodes to compute, inputs before readers; neither constants nor placeholders that are fed.
  const std::vector<Node*>& order() const { return order_; }
  int position(const Node* node) const { return positions_.at(node); }
  const std::vector<Value>& wanted() const { return wanted_; }

  // Element type and shape; kUnsupported if it depends on data.
  TensorSpec spec(Value value) const;
  bool has_output(Value value) const { return shapes_[value].dtype != DType::kInvalid; }
  bool has_known_shape(Value value) const { return shapes_[value].shape.IsFullyKnown(); }
  // What input `i` of the node reads if that does not depend on fed elements, else null.
  const Tensor* constant_input(const Node& node, int i) const;
  const Tensor* constant(Value value) const;
  bool is_fed(const Node* node) const { return fed_.count(node) > 0; }
  bool is_wanted(Value value) const { return wanted_set_.count(value) > 0; }
  // Whether anything reads or fetches the value.
  bool is_used(Value value) const { return pinned_.count(value) || readers_.count(value); }
  // The only reader of the value, or null if there are several or the value is pinned.
  Node* OnlyReader(Value value) const;

 private:
  std::unordered_set<const Node*> fed_;
  ShapeMap shapes_;
  ConstantValues constants_;
  std::vector<Node*> order_;
  std::unordered_map<const Node*, int> positions_;
  ValueMap<std::vector<Node*>> readers_;
  std::vector<Value> wanted_;
  ValueSet pinned_, wanted_set_;
};

// Whether the op's output 0 is its input 0, element by element in the same order.
bool IsAlias(const Node& node);

// Whether the float32 tensor is [C] or [1, .., 1, C] with C the last dimension of `of`.
bool IsPerChannel(const Tensor& tensor, const Shape& of);

}  // namespace adze
