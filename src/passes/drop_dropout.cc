#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "adze/pass.h"

namespace adze {
namespace {

bool IsRandom(const Node& node) {
  return node.op() == "RandomUniform" || node.op().starts_with("StatelessRandomUniform");
}

// A constant number, or one that is fed: the probability to keep often is.
bool IsScalar(Value value) {
  const Node& node = *value.node;
  if (node.IsConst()) return node.const_value().num_elements() == 1;
  if (node.op() != "Placeholder") return false;
  const Shape shape = node.attr<Shape>("shape", Shape::UnknownRank());
  return !shape.known_rank() || shape.rank() == 0;
}

// Whether the value is made of random numbers and scalars alone: floor(keep + uniform),
// cast(uniform >= rate).
bool IsRandomMask(Value value, int depth = 0) {
  static const std::set<std::string, std::less<>> kThrough = {
      "Floor", "Cast", "Identity", "Add", "AddV2", "Sub", "Mul", "Greater", "GreaterEqual", "Less"};
  constexpr int kMostDepth = 8;
  const Node& node = *value.node;
  if (IsRandom(node)) return true;
  if (depth > kMostDepth || !kThrough.contains(node.op())) return false;
  bool random = false;
  for (const Value input : node.inputs()) {
    if (IsScalar(input)) continue;
    if (!IsRandomMask(input, depth + 1)) return false;
    random = true;
  }
  return random;
}

// x out of x / keep or x * (1 / keep).
Value Unscaled(Value value) {
  const Node& node = *value.node;
  if (node.num_inputs() != 2) return value;
  const bool divides = node.op() == "RealDiv" || node.op() == "Div";
  if ((divides || node.op() == "Mul") && IsScalar(node.input(1))) return node.input(0);
  if (node.op() == "Mul" && IsScalar(node.input(0))) return node.input(1);
  return value;
}

// What dropout keeps or drops at random; nullopt if the node is no dropout.
std::optional<Value> Dropped(const Node& node) {
  if (node.op() == "Mul" && node.num_inputs() == 2) {
    for (int mask : {1, 0}) {
      const Value data = node.input(1 - mask);
      // A product of random numbers with a scalar is part of the mask.
      if (IsScalar(data) || IsRandomMask(data)) continue;
      if (IsRandomMask(node.input(mask))) return Unscaled(data);
    }
  }
  const bool selects = node.op() == "Select" || node.op() == "SelectV2";
  if (selects && node.num_inputs() == 3 && IsRandomMask(node.input(0))) {
    return Unscaled(node.input(1));
  }
  return std::nullopt;
}

// y = x / keep * floor(keep + uniform(shape(x)))  ->  y = x, and the other ways in which TensorFlow
// has built dropout: inference keeps everything.
bool Run(Graph& graph, PassContext&) {
  bool changed = false;
  for (Node* node : graph.nodes()) {
    const std::optional<Value> kept = Dropped(*node);
    if (!kept || graph.CountUses(node->output()) == 0) continue;
    graph.ReplaceUses(node->output(), *kept);
    changed = true;
  }
  return changed;
}

}  // namespace

void register_drop_dropout(PassRegistry& passes) {
  passes.Add(
      {.name = "drop_dropout", .summary = "Removes dropout.", .run = Run, .keeps_outputs = false});
}

}  // namespace adze
