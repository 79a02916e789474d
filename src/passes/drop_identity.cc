#include <set>
#include <string>

#include "adze/pass.h"

namespace adze {
namespace {

// y = Identity(x): readers of y read x. The same for ops that only check (CheckNumerics) or only
// matter to training (StopGradient). A node with control edges stays, it says more than its name.
bool Run(Graph& graph, PassContext&) {
  static const std::set<std::string, std::less<>> kIdentities = {
      "Identity", "IdentityN", "StopGradient", "PreventGradient", "Snapshot", "CheckNumerics"};
  bool changed = false;
  for (Node* node : graph.nodes()) {
    if (!kIdentities.contains(node->op()) || node->num_inputs() == 0) continue;
    if (!node->control_inputs().empty() || !graph.ControlUsers(*node).empty()) continue;
    for (int i = 0; i < node->num_inputs(); ++i) {
      graph.ReplaceUses(node->output(i), node->input(i));
    }
    graph.Erase(*node);
    changed = true;
  }
  return changed;
}

}  // namespace

void register_drop_identity(PassRegistry& passes) {
  passes.Add({.name = "drop_identity",
              .summary = "Removes Identity, StopGradient, CheckNumerics and their like.",
              .run = Run});
}

}  // namespace adze
