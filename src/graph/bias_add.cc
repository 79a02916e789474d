#include "adze/op.h"

namespace adze {

Node* ConstBiasAddBehind(const Graph& graph, Node& node) {
  const Value output = node.output();
  if (graph.CountUses(output) != 1) return nullptr;
  const std::vector<Use> uses = graph.Uses(output);
  if (uses.empty() || uses[0].user->op() != "BiasAdd" || uses[0].input != 0) return nullptr;
  Node* bias_add = uses[0].user;
  const Node* bias = bias_add->input(1).node;
  return bias->IsConst() && bias->const_value().dtype() == DType::kFloat ? bias_add : nullptr;
}

}  // namespace adze
