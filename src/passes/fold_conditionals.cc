#include <algorithm>
#include <unordered_set>

#include "adze/known_value.h"
#include "adze/pass.h"

namespace adze {
namespace {

bool IsSwitch(const Node& node) { return node.op() == "Switch" || node.op() == "RefSwitch"; }
bool IsMerge(const Node& node) { return node.op() == "Merge" || node.op() == "RefMerge"; }

// The output of a switch that gets no value; -1 if that is not known.
int DeadOutput(const Node& node) {
  if (node.num_inputs() != 2) return -1;
  const std::optional<Tensor> condition = KnownValue(node.input(1));
  if (!condition || condition->dtype() != DType::kBool || condition->num_elements() != 1) return -1;
  return condition->data<bool>()[0] ? 0 : 1;
}

// Which switches are decided, and the nodes behind their dead outputs, which never run.
struct Decided {
  std::vector<Node*> switches;
  std::unordered_set<const Node*> switch_set, dead;
  bool IsDead(Value value) const {
    if (dead.contains(value.node)) return true;
    return switch_set.contains(value.node) && DeadOutput(*value.node) == value.index;
  }
};

Decided Decide(const Graph& graph) {
  Decided decided;
  for (Node* node : graph.TopologicalOrder()) {
    const auto is_dead = [&](Value value) { return decided.IsDead(value); };
    const auto inputs = node->inputs();
    const auto controls = node->control_inputs();
    bool dead = std::any_of(inputs.begin(), inputs.end(), is_dead);
    if (IsMerge(*node))
      dead = !inputs.empty() && std::all_of(inputs.begin(), inputs.end(), is_dead);
    for (const Node* control : controls) dead = dead || decided.dead.contains(control);
    if (dead) {
      decided.dead.insert(node);
    } else if (IsSwitch(*node) && DeadOutput(*node) >= 0) {
      decided.switches.push_back(node);
      decided.switch_set.insert(node);
    }
  }
  return decided;
}

// tf.cond of a known condition:
//   a, b = Switch(x, pred)    y = Merge(f(a), g(b))    ->    y = g(x) where pred is true
// The condition is mostly a training flag. Conditions that are not known stay.
bool Run(Graph& graph, PassContext&) {
  const std::vector<Node*> nodes = graph.nodes();
  if (std::none_of(nodes.begin(), nodes.end(), [](const Node* node) { return IsSwitch(*node); })) {
    return false;
  }
  const Decided decided = Decide(graph);
  bool changed = false;
  for (Node* node : nodes) {
    if (!IsMerge(*node) || decided.dead.contains(node)) continue;
    std::vector<int> alive;
    for (int i = 0; i < node->num_inputs(); ++i) {
      if (!decided.IsDead(node->input(i))) alive.push_back(i);
    }
    const bool is_decided = alive.size() == 1 && node->num_inputs() > 1;
    const int uses = graph.CountUses(node->output(0)) + graph.CountUses(node->output(1));
    if (!is_decided || uses == 0) continue;
    if (graph.CountUses(node->output(1)) > 0) {
      const auto index = static_cast<int32_t>(alive[0]);
      Node& constant = graph.AddConst(node->name() + "/value_index", Tensor::Scalar(index));
      graph.ReplaceUses(node->output(1), constant.output());
    }
    graph.ReplaceUses(node->output(0), node->input(alive[0]));
    changed = true;
  }
  for (Node* node : decided.switches) {
    const Value alive = node->output(1 - DeadOutput(*node));
    changed = changed || graph.CountUses(alive) > 0;
    graph.ReplaceUses(alive, node->input(0));
  }
  if (changed && !graph.outputs().empty()) graph.Prune();
  return changed;
}

}  // namespace

void register_fold_conditionals(PassRegistry& passes) {
  passes.Add({.name = "fold_conditionals",
              .summary = "Keeps of tf.cond with a known condition only the branch that is taken.",
              .run = Run,
              .keeps_outputs = false});
}

}  // namespace adze
