#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "adze/op.h"
#include "adze/pass.h"

namespace adze {
namespace {

// In a branch of tf.cond a control edge says which constants are alive.
bool HasConditionals(const Graph& graph) {
  const std::vector<Node*> nodes = graph.nodes();
  return std::any_of(nodes.begin(), nodes.end(), [](const Node* node) {
    return node->op() == "Switch" || node->op() == "RefSwitch" || node->op() == "Enter";
  });
}

// Whether nobody needs to wait for the node, beyond those that read it.
bool NeedsNoWaiting(const Node& node) {
  static const std::set<std::string, std::less<>> kOnlyChecks = {
      "Assert", "CheckNumerics", "NoOp", "Placeholder", "PlaceholderWithDefault", "Print"};
  // Averages that training updates on the side; inference reads the variables as they were saved.
  if (node.op().starts_with("Assign") || node.op() == "IteratorGetNext") return true;
  return kOnlyChecks.contains(node.op()) || (node.def() && !node.def()->has_side_effect);
}

// y = Op(x, ^c)  ->  y = Op(x): a control edge orders side effects, and inference has none. Checks
// that hang on such edges (Assert) then have no reader and are pruned. Edges from ops that this
// library does not know stay.
bool Run(Graph& graph, PassContext&) {
  if (HasConditionals(graph)) return false;
  bool changed = false;
  for (Node* node : graph.nodes()) {
    const std::span<Node* const> all = node->control_inputs();
    std::vector<Node*> kept;
    std::copy_if(all.begin(), all.end(), std::back_inserter(kept),
                 [](const Node* input) { return !NeedsNoWaiting(*input); });
    if (kept.size() == all.size()) continue;
    graph.SetControlInputs(*node, std::move(kept));
    changed = true;
  }
  return changed;
}

}  // namespace

void register_drop_control_edges(PassRegistry& passes) {
  passes.Add({.name = "drop_control_edges",
              .summary = "Removes control edges from nodes without side effects.",
              .run = Run});
}

}  // namespace adze
