#include "engine/flow.h"

#include <algorithm>

namespace adze {

bool IsAlias(const Node& node) {
  static constexpr std::string_view kOps[] = {
      "Identity",     "Reshape",         "Squeeze",  "ExpandDims",
      "StopGradient", "PreventGradient", "Snapshot", "PlaceholderWithDefault"};
  return std::find(std::begin(kOps), std::end(kOps), node.op()) != std::end(kOps);
}

bool IsPerChannel(const Tensor& tensor, const Shape& of) {
  const Shape& shape = tensor.shape();
  return tensor.dtype() == DType::kFloat && shape.rank() > 0 && of.rank() >= shape.rank() &&
         shape[shape.rank() - 1] == of[of.rank() - 1] && tensor.num_elements() == of[of.rank() - 1];
}

Flow::Flow(std::span<Node* const> nodes, std::span<const Value> fetches,
           std::unordered_set<const Node*> fed, ShapeMap shapes, ConstantValues constants,
           const std::function<bool(Value)>& wants)
    : fed_(std::move(fed)), shapes_(std::move(shapes)), constants_(std::move(constants)) {
  // Backwards from the fetches, so that what only tells a known shape is not computed.
  std::unordered_set<const Node*> needed;
  for (Value fetch : fetches) {
    pinned_.insert(fetch);
    if (!constant(fetch)) needed.insert(fetch.node);
  }
  for (size_t i = nodes.size(); i-- > 0;) {
    Node* node = nodes[i];
    if (!needed.count(node) || is_fed(node)) continue;
    order_.push_back(node);
    for (int k = 0; k < node->num_inputs(); ++k) {
      if (constant_input(*node, k)) continue;
      needed.insert(node->input(k).node);
      readers_[node->input(k)].push_back(node);
    }
  }
  std::reverse(order_.begin(), order_.end());
  for (Node* node : nodes) {
    for (int i = 0; wants && shapes_[{node, i}].dtype != DType::kInvalid; ++i) {
      const Value value{node, i};
      if ((needed.count(node) || constant(value)) && wants(value)) {
        pinned_.insert(value);
        wanted_set_.insert(value);
        wanted_.push_back(value);
      }
    }
  }
  for (size_t i = 0; i < order_.size(); ++i) positions_[order_[i]] = static_cast<int>(i);
}

TensorSpec Flow::spec(Value value) const {
  const TensorSpec& spec = shapes_[value];
  ErrorScope scope("node", value.node->name());
  Require(spec.dtype != DType::kInvalid && spec.shape.IsFullyKnown(), ErrorCode::kUnsupported,
          "the shape of output ", value.index, " of ", value.node->op(),
          " does not follow from the shapes of the feeds (", spec.shape.ToString(), ")");
  return spec;
}

const Tensor* Flow::constant(Value value) const {
  if (const Tensor* tensor = constants_.Find(value)) return tensor;
  return shapes_.constant(value);
}

const Tensor* Flow::constant_input(const Node& node, int i) const {
  if (const Tensor* tensor = shapes_.operand(node, i)) return tensor;
  return constant(node.input(i));
}

Node* Flow::OnlyReader(Value value) const {
  if (pinned_.count(value)) return nullptr;
  auto it = readers_.find(value);
  return it != readers_.end() && it->second.size() == 1 ? it->second[0] : nullptr;
}

}  // namespace adze
