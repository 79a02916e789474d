#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adze/attr.h"

namespace adze {

class Graph;
class Node;
class OpRegistry;
struct OpDef;

// One output of one node; what TensorFlow writes as "name:index".
struct Value {
  Node* node = nullptr;
  int index = 0;
  friend bool operator==(const Value&, const Value&) = default;
};

// One reading of a value: input `input` of `user`.
struct Use {
  Node* user = nullptr;
  int input = 0;
  friend bool operator==(const Use&, const Use&) = default;
};

// "conv1/BiasAdd", "split:1": TensorFlow's text of a value.
std::string ToString(Value value);

// One operation. Changed only through its Graph, except for its attributes.
class Node {
 public:
  const std::string& name() const { return name_; }
  const std::string& op() const { return op_; }  // TensorFlow's op name
  const OpDef* def() const { return def_; }      // null: an op this library does not know
  std::span<const Value> inputs() const { return inputs_; }
  Value input(int i) const { return inputs_.at(i); }
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  std::span<Node* const> control_inputs() const { return control_inputs_; }
  Value output(int index = 0) { return {this, index}; }

  const AttrMap& attrs() const { return attrs_; }
  void SetAttr(std::string name, Attr value) {
    attrs_.insert_or_assign(std::move(name), std::move(value));
  }
  void EraseAttr(std::string_view name);
  // The attribute, or null if it is absent or of another kind.
  template <typename T>
  const T* FindAttr(std::string_view name) const {
    auto it = attrs_.find(name);
    return it == attrs_.end() ? nullptr : std::get_if<T>(&it->second.value);
  }
  // The attribute, or `fallback` if it is absent. kBadFile if it is of another kind.
  template <typename T>
  T attr(std::string_view name, T fallback) const {
    auto it = attrs_.find(name);
    if (it == attrs_.end()) return fallback;
    const T* found = std::get_if<T>(&it->second.value);
    if (!found) ThrowBadAttr(name);
    return *found;
  }
  // The attribute; kBadFile if it is absent or of another kind.
  template <typename T>
  const T& attr(std::string_view name) const {
    const T* found = FindAttr<T>(name);
    if (!found) ThrowBadAttr(name);
    return *found;
  }

  bool IsConst() const { return op_ == "Const"; }
  // The value of a Const node; kInternal otherwise.
  const Tensor& const_value() const;

  // Fields of NodeDef that only have to survive reading and writing.
  std::string device;
  std::string wire_extras;  // serialized fields this library does not interpret

 private:
  friend class Graph;
  [[noreturn]] void ThrowBadAttr(std::string_view name) const;

  std::string name_, op_;
  const OpDef* def_ = nullptr;
  std::vector<Value> inputs_;
  std::vector<Node*> control_inputs_;
  AttrMap attrs_;
  size_t position_ = 0;                    // in Graph::nodes_
  std::vector<std::pair<int, Use>> uses_;  // (output index, use)
  std::vector<Node*> control_users_;
};

// A value the user asked for. It keeps its name when a rewrite replaces the node behind it.
struct GraphOutput {
  std::string name;  // as the user knows it, "prob" or "split:1"
  Value value;
};

// A TensorFlow graph: owns its nodes and keeps the uses of every value, so that a rewrite costs
// what it touches. Movable, not copyable; Clone() copies (tensors are shared).
class Graph {
 public:
  explicit Graph(const OpRegistry& ops) : ops_(&ops) {}
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;
  Graph Clone() const { return Clone(*ops_); }
  // The copy knows the ops of another registry, which must outlive it.
  Graph Clone(const OpRegistry& ops) const;

  // Makes room for so many nodes in all, where the number is known.
  void Reserve(size_t nodes);
  // Throws kBadFile if the name is taken or empty.
  Node& Add(std::string name, std::string op, std::vector<Value> inputs, AttrMap attrs = {});
  // A Const node; the name is made unique if it is taken.
  Node& AddConst(const std::string& name, Tensor value);
  // `name`, or `name_1`, `name_2`, ... whichever is free.
  std::string UniqueName(const std::string& name) const;
  void Rename(Node& node, std::string name);

  void SetInput(Node& node, int input, Value value);
  void AddInput(Node& node, Value value);
  void SetInputs(Node& node, std::vector<Value> inputs);
  void SetControlInputs(Node& node, std::vector<Node*> inputs);
  // Every reader of `from` (outputs of the graph too) reads `to` instead, except `except`.
  void ReplaceUses(Value from, Value to, const Node* except = nullptr);
  // Makes input `input` of the node, which reads a Const, read this value: in place if nobody else
  // reads the Const, else by a Const of its own.
  void SetConstInput(Node& node, int input, Tensor value);
  // Removes a node; kInternal if something still reads it.
  void Erase(Node& node);
  // Removes every node that no output needs (all control edges followed); placeholders stay.
  // Returns how many went.
  int Prune();

  Node* Find(std::string_view name) const;              // null if there is none
  Value FindValue(std::string_view tensor_name) const;  // "name" or "name:1"; kNotFound
  std::vector<Node*> nodes() const;                     // in order of insertion
  size_t size() const { return by_name_.size(); }
  // Inputs before readers, otherwise in order of insertion. kBadFile names a node of a cycle.
  std::vector<Node*> TopologicalOrder() const;

  std::vector<Use> Uses(Value value) const;
  std::vector<Use> Uses(const Node& node) const;  // of all its outputs
  // Readers of the value, counting each time it is an output of the graph.
  int CountUses(Value value) const;
  bool IsOutput(Value value) const;
  std::span<Node* const> ControlUsers(const Node& node) const { return node.control_users_; }

  const std::vector<GraphOutput>& outputs() const { return outputs_; }
  void SetOutputs(std::vector<GraphOutput> outputs) { outputs_ = std::move(outputs); }
  // Outputs by tensor name; with an empty list the nodes that nobody reads (Const, NoOp, Assert and
  // Placeholder do not count). kNotFound lists near names, else `likely` ones, else the ends.
  void SetOutputs(const std::vector<std::string>& tensor_names,
                  const std::vector<std::string>& likely = {});
  std::vector<Node*> Placeholders() const;  // Placeholder, PlaceholderWithDefault

  const OpRegistry& ops() const { return *ops_; }

  // Parts of GraphDef that only have to survive reading and writing.
  std::string wire_extras;  // versions, function library, unknown fields: serialized GraphDef

 private:
  void AddUse(Value value, Use use);
  void RemoveUse(Value value, Use use);

  const OpRegistry* ops_;
  std::vector<std::unique_ptr<Node>> nodes_;  // null where a node was erased
  std::unordered_map<std::string_view, Node*> by_name_;
  std::vector<GraphOutput> outputs_;
};

}  // namespace adze
