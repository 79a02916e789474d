#include <set>

#include "adze/error.h"
#include "adze/freeze.h"

namespace adze {
namespace {

// The node itself behind Identity and casts.
const Node* Source(Value value) {
  static const std::set<std::string, std::less<>> kLookThrough = {"Identity", "Cast", "Enter"};
  constexpr int kMostSteps = 64;
  const Node* node = value.node;
  for (int i = 0; i < kMostSteps && kLookThrough.contains(node->op()) && node->num_inputs(); ++i) {
    node = node->input(0).node;
  }
  return node;
}

const std::vector<std::string>* ConstStrings(const Node& node, int input,
                                             std::vector<std::string>* memory) {
  if (input >= node.num_inputs()) return nullptr;
  const Node* constant = Source(node.input(input));
  if (!constant->IsConst() || constant->const_value().dtype() != DType::kString) return nullptr;
  const auto strings = constant->const_value().strings();
  memory->assign(strings.begin(), strings.end());
  return memory;
}

// Follows a restored value to the variables it is assigned to.
void FollowToVariables(const Graph& graph, Value value, const VariableKey& key,
                       VariableKeys* keys) {
  static const std::set<std::string, std::less<>> kCopies = {"Identity", "Cast", "Reshape"};
  std::vector<Value> open = {value};
  for (size_t next = 0; next < open.size() && next < 64; ++next) {
    for (const Use& use : graph.Uses(open[next])) {
      const Node& user = *use.user;
      if (kCopies.contains(user.op()) && use.input == 0) open.push_back(use.user->output());
      const bool assigns = user.op() == "Assign" || user.op() == "AssignVariableOp";
      if (assigns && use.input == 1) keys->emplace(Source(user.input(0))->name(), key);
    }
  }
}

}  // namespace

VariableKeys FindVariableKeys(const Graph& graph) {
  VariableKeys keys;
  for (Node* node : graph.nodes()) {
    if (node->op() != "RestoreV2") continue;
    ErrorScope scope("node", node->name());
    std::vector<std::string> names, slices;
    if (!ConstStrings(*node, 1, &names) || !ConstStrings(*node, 2, &slices)) continue;
    Require(names.size() == slices.size(), ErrorCode::kBadFile, "restores ", names.size(),
            " tensors, but names the parts of ", slices.size());
    for (size_t i = 0; i < names.size(); ++i) {
      FollowToVariables(graph, node->output(static_cast<int>(i)), {names[i], slices[i]}, &keys);
    }
  }
  return keys;
}

}  // namespace adze
