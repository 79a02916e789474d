#include "adze/graph.h"

#include <algorithm>
#include <utility>

#include "adze/error.h"
#include "adze/op.h"

namespace adze {

std::string ToString(Value value) {
  if (!value.node) return "(none)";
  return value.index == 0 ? value.node->name()
                          : value.node->name() + ":" + std::to_string(value.index);
}

void Node::EraseAttr(std::string_view name) {
  if (auto it = attrs_.find(name); it != attrs_.end()) attrs_.erase(it);
}

const Tensor& Node::const_value() const {
  Check(IsConst(), "const_value of another op");
  ErrorScope scope("node", name_);
  return attr<Tensor>("value");
}

void Node::ThrowBadAttr(std::string_view name) const {
  ErrorScope scope("node", name_);
  const bool absent = attrs_.find(name) == attrs_.end();
  throw Error(ErrorCode::kBadFile, op_ + " attribute '" + std::string(name) +
                                       (absent ? "' is missing" : "' is of the wrong kind"));
}

Node& Graph::Add(std::string name, std::string op, std::vector<Value> inputs, AttrMap attrs) {
  Require(!name.empty(), ErrorCode::kBadFile, "a node of op '", op, "' has no name");
  auto node = std::make_unique<Node>();
  node->name_ = std::move(name);
  const bool is_new = by_name_.emplace(node->name_, node.get()).second;
  Require(is_new, ErrorCode::kBadFile, "two nodes are named '", node->name_, "'");
  node->op_ = std::move(op);
  node->def_ = ops_->Find(node->op_);
  node->attrs_ = std::move(attrs);
  node->position_ = nodes_.size();
  Node& added = *nodes_.emplace_back(std::move(node));
  SetInputs(added, std::move(inputs));
  return added;
}

Node& Graph::AddConst(const std::string& name, Tensor value) {
  const DType dtype = value.dtype();
  return Add(UniqueName(name), "Const", {}, {{"dtype", dtype}, {"value", std::move(value)}});
}

void Graph::Reserve(size_t nodes) {
  nodes_.reserve(nodes);
  by_name_.reserve(nodes);
}

std::string Graph::UniqueName(const std::string& name) const {
  if (!Find(name)) return name;
  for (int i = 1;; ++i) {
    std::string candidate = name + "_" + std::to_string(i);
    if (!Find(candidate)) return candidate;
  }
}

void Graph::Rename(Node& node, std::string name) {
  if (node.name_ == name) return;
  Require(!name.empty() && !Find(name), ErrorCode::kBadFile, "two nodes are named '", name, "'");
  by_name_.erase(node.name_);
  node.name_ = std::move(name);
  by_name_.emplace(node.name_, &node);
}

void Graph::AddUse(Value value, Use use) {
  Check(value.node != nullptr && value.index >= 0, "an input without a node");
  value.node->uses_.emplace_back(value.index, use);
}

void Graph::RemoveUse(Value value, Use use) {
  auto& uses = value.node->uses_;
  // From the end: rewrites mostly undo what was added last.
  auto it = std::find(uses.rbegin(), uses.rend(), std::pair(value.index, use));
  Check(it != uses.rend(), "use lists out of step");
  uses.erase(std::next(it).base());
}

void Graph::SetInput(Node& node, int input, Value value) {
  Value& slot = node.inputs_.at(input);
  AddUse(value, {&node, input});
  RemoveUse(slot, {&node, input});
  slot = value;
}

void Graph::AddInput(Node& node, Value value) {
  AddUse(value, {&node, node.num_inputs()});
  node.inputs_.push_back(value);
}

void Graph::SetInputs(Node& node, std::vector<Value> inputs) {
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i) AddUse(inputs[i], {&node, i});
  for (int i = 0; i < node.num_inputs(); ++i) RemoveUse(node.inputs_[i], {&node, i});
  node.inputs_ = std::move(inputs);
}

void Graph::SetControlInputs(Node& node, std::vector<Node*> inputs) {
  for (Node* input : node.control_inputs_) {
    auto& users = input->control_users_;
    users.erase(std::find(users.begin(), users.end(), &node));
  }
  for (Node* input : inputs) input->control_users_.push_back(&node);
  node.control_inputs_ = std::move(inputs);
}

void Graph::ReplaceUses(Value from, Value to, const Node* except) {
  if (from == to) return;
  for (const Use& use : Uses(from)) {
    if (use.user != except) SetInput(*use.user, use.input, to);
  }
  for (GraphOutput& output : outputs_) {
    if (output.value == from) output.value = to;
  }
}

void Graph::SetConstInput(Node& node, int input, Tensor value) {
  Node& old = *node.input(input).node;
  Check(old.IsConst(), "a constant input");
  if (CountUses(old.output()) == 1) {
    old.SetAttr("value", std::move(value));
  } else {
    SetInput(node, input, AddConst(old.name(), std::move(value)).output());
  }
}

void Graph::Erase(Node& node) {
  ErrorScope scope("node", node.name_);
  Check(node.uses_.empty() && node.control_users_.empty(), "erased while in use");
  for (const GraphOutput& output : outputs_) {
    Check(output.value.node != &node, "erased though an output");
  }
  SetInputs(node, {});
  SetControlInputs(node, {});
  by_name_.erase(node.name_);
  nodes_[node.position_].reset();
}

int Graph::Prune() {
  std::vector<char> needed(nodes_.size(), false);
  std::vector<Node*> stack;
  auto need = [&](Node* node) {
    if (!std::exchange(needed[node->position_], true)) stack.push_back(node);
  };
  for (const GraphOutput& output : outputs_) need(output.value.node);
  for (Node* node : Placeholders()) need(node);
  while (!stack.empty()) {
    Node* node = stack.back();
    stack.pop_back();
    for (Value input : node->inputs_) need(input.node);
    for (Node* input : node->control_inputs_) need(input);
  }
  // Edges first, so that the order in which nodes go does not matter.
  std::vector<Node*> unneeded;
  for (const auto& node : nodes_) {
    if (node && !needed[node->position_]) unneeded.push_back(node.get());
  }
  for (Node* node : unneeded) {
    SetInputs(*node, {});
    SetControlInputs(*node, {});
  }
  for (Node* node : unneeded) Erase(*node);
  return static_cast<int>(unneeded.size());
}

Node* Graph::Find(std::string_view name) const {
  auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

std::vector<Node*> Graph::nodes() const {
  std::vector<Node*> all;
  all.reserve(size());
  for (const auto& node : nodes_) {
    if (node) all.push_back(node.get());
  }
  return all;
}

std::vector<Node*> Graph::TopologicalOrder() const {
  // Depth-first with an explicit stack: deep graphs must not overflow the call stack.
  enum class State : char { kNew, kOpen, kDone };
  std::vector<State> state(nodes_.size(), State::kNew);
  std::vector<Node*> order;
  order.reserve(size());
  struct Frame {
    Node* node;
    size_t next;
  };
  std::vector<Frame> stack;
  for (const auto& root : nodes_) {
    if (!root || state[root->position_] != State::kNew) continue;
    stack.push_back({root.get(), 0});
    state[root->position_] = State::kOpen;
    while (!stack.empty()) {
      Node* node = stack.back().node;
      const size_t next = stack.back().next++;
      Node* input = nullptr;
      if (next < node->inputs_.size()) {
        input = node->inputs_[next].node;
      } else if (next < node->inputs_.size() + node->control_inputs_.size()) {
        input = node->control_inputs_[next - node->inputs_.size()];
      } else {
        state[node->position_] = State::kDone;
        order.push_back(node);
        stack.pop_back();
        continue;
      }
      State& seen = state[input->position_];
      Require(seen != State::kOpen, ErrorCode::kBadFile, "node '", input->name_,
              "' is part of a cycle; adze takes graphs without loops "
              "(recurrent layers: unroll=True)");
      if (seen == State::kNew) {
        seen = State::kOpen;
        stack.push_back({input, 0});
      }
    }
  }
  return order;
}

std::vector<Use> Graph::Uses(Value value) const {
  std::vector<Use> uses;
  for (const auto& [index, use] : value.node->uses_) {
    if (index == value.index) uses.push_back(use);
  }
  return uses;
}

std::vector<Use> Graph::Uses(const Node& node) const {
  std::vector<Use> uses;
  for (const auto& [index, use] : node.uses_) uses.push_back(use);
  return uses;
}

int Graph::CountUses(Value value) const {
  int count = static_cast<int>(Uses(value).size());
  for (const GraphOutput& output : outputs_) count += output.value == value;
  return count;
}

bool Graph::IsOutput(Value value) const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [&](const GraphOutput& output) { return output.value == value; });
}

std::vector<Node*> Graph::Placeholders() const {
  std::vector<Node*> found;
  for (const auto& node : nodes_) {
    if (node && (node->op_ == "Placeholder" || node->op_ == "PlaceholderWithDefault")) {
      found.push_back(node.get());
    }
  }
  return found;
}

Graph Graph::Clone(const OpRegistry& ops) const {
  Graph copy(ops);
  copy.wire_extras = wire_extras;
  std::unordered_map<const Node*, Node*> twin;
  for (Node* node : nodes()) {
    Node& added = copy.Add(node->name_, node->op_, {}, node->attrs_);
    added.device = node->device;
    added.wire_extras = node->wire_extras;
    twin[node] = &added;
  }
  for (Node* node : nodes()) {
    std::vector<Value> inputs;
    for (Value input : node->inputs_) inputs.push_back({twin[input.node], input.index});
    copy.SetInputs(*twin[node], std::move(inputs));
    std::vector<Node*> controls;
    for (Node* input : node->control_inputs_) controls.push_back(twin[input]);
    copy.SetControlInputs(*twin[node], std::move(controls));
  }
  for (const GraphOutput& output : outputs_) {
    copy.outputs_.push_back({output.name, {twin[output.value.node], output.value.index}});
  }
  return copy;
}

}  // namespace adze
