#include "adze/pass.h"

namespace adze {
namespace {

// y = Identity(x): readers of y read x. An Identity with control edges stays, they say more than
// its name.
bool Run(Graph& graph, PassContext&) {
  bool changed = false;
  for (Node* node : graph.nodes()) {
    const bool is_identity = node->op() == "Identity" || node->op() == "StopGradient";
    if (!is_identity || node->num_inputs() != 1) continue;
    if (!node->control_inputs().empty() || !graph.ControlUsers(*node).empty()) continue;
    graph.ReplaceUses(node->output(), node->input(0));
    graph.Erase(*node);
    changed = true;
  }
  return changed;
}

}  // namespace

void register_drop_identity(PassRegistry& passes) {
  passes.Add(
      {.name = "drop_identity", .summary = "Removes Identity and StopGradient nodes.", .run = Run});
}

}  // namespace adze
