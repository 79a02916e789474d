#include <algorithm>

#include "adze/op.h"
#include "adze/pass.h"

namespace adze {
namespace {

// A Fill or Tile may make much of little; results above this size and above some times the inputs'
// own stay in the graph as a computation. Weights in 8 bits become 4 times as large.
constexpr size_t kFreeBytes = 1 << 20, kMostGrowth = 4;

bool IsFoldable(const Graph& graph, const Node& node) {
  const OpDef* def = node.def();
  return def && def->evaluate && !def->has_side_effect && node.num_inputs() > 0 &&
         node.control_inputs().empty() && graph.ControlUsers(node).empty() &&
         node.op() != "PlaceholderWithDefault" &&
         std::all_of(node.inputs().begin(), node.inputs().end(),
                     [](Value input) { return input.node->IsConst(); });
}

bool IsSmall(const Node& node, std::span<const Tensor> inputs) {
  std::vector<TensorSpec> specs;
  std::vector<const Tensor*> constants;
  size_t bytes_in = 0, bytes_out = 0;
  for (const Tensor& input : inputs) {
    specs.push_back({input.dtype(), input.shape()});
    constants.push_back(&input);
    bytes_in += input.num_bytes();
  }
  for (const TensorSpec& spec : node.def()->infer({node, specs, constants})) {
    if (!spec.shape.IsFullyKnown()) return false;
    bytes_out += spec.shape.num_elements() * std::max<size_t>(SizeOf(spec.dtype), 1);
  }
  return bytes_out <= std::max(kFreeBytes, kMostGrowth * bytes_in);
}

// y = Op(Const, ...)  ->  y = Const {the result}
bool Run(Graph& graph, PassContext&) {
  bool changed = false;
  for (Node* node : graph.TopologicalOrder()) {
    if (!IsFoldable(graph, *node)) continue;
    ErrorScope scope("node", node->name());
    std::vector<Tensor> inputs;
    for (const Value input : node->inputs()) inputs.push_back(input.node->const_value());
    if (!IsSmall(*node, inputs)) continue;
    const std::vector<Tensor> outputs = EvaluateNode(*node, inputs);
    const std::string name = node->name();
    graph.Rename(*node, graph.UniqueName(name + "/folded"));
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Value value = node->output(static_cast<int>(i));
      if (graph.CountUses(value) == 0) continue;
      Node& constant =
          graph.AddConst(i == 0 ? name : name + "/output_" + std::to_string(i), outputs[i]);
      graph.ReplaceUses(value, constant.output());
    }
    graph.Erase(*node);
    changed = true;
  }
  return changed;
}

}  // namespace

void register_fold_constants(PassRegistry& passes) {
  passes.Add({.name = "fold_constants",
              .summary = "Replaces what can be computed from constants alone.",
              .run = Run});
}

}  // namespace adze
