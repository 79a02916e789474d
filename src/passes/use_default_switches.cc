#include "adze/pass.h"

namespace adze {
namespace {

// p = PlaceholderWithDefault(c), c a scalar constant: readers of p read c. Such placeholders are
// switches (is_training, keep_prob), whose default is the value for inference. Placeholders with a
// default of any other shape may be the model's input and stay.
bool Run(Graph& graph, PassContext&) {
  bool changed = false;
  for (Node* node : graph.nodes()) {
    if (node->op() != "PlaceholderWithDefault" || node->num_inputs() != 1) continue;
    const Value value = node->input(0);
    if (!value.node->IsConst() || value.node->const_value().shape().rank() != 0) continue;
    if (!node->control_inputs().empty() || !graph.ControlUsers(*node).empty()) continue;
    graph.ReplaceUses(node->output(), value);
    graph.Erase(*node);
    changed = true;
  }
  return changed;
}

}  // namespace

void register_use_default_switches(PassRegistry& passes) {
  passes.Add({.name = "use_default_switches",
              .summary = "Replaces scalar placeholders that have a default by it.",
              .run = Run});
}

}  // namespace adze
