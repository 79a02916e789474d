#include "report/layer_output.h"

#include <set>

namespace adze {

Value LayerOutput(const Graph& graph, Node& layer) {
  static const std::set<std::string, std::less<>> kActivations = {
      "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh"};
  Value value = layer.output();
  bool scaled = false;
  for (;;) {
    const std::vector<Use> uses = graph.Uses(value);
    if (uses.size() != 1 || graph.IsOutput(value)) return value;
    Node& user = *uses[0].user;
    if (uses[0].input != 0) return value;
    if (kActivations.contains(user.op())) return user.output();
    // The simulation scales a layer's sum of integers by a constant; one behind that, or behind
    // an activation, belongs to the next layer.
    const bool scales = !scaled && user.op() == "Mul" && user.input(1).node->IsConst();
    scaled |= scales;
    if (!scales && user.op() != "BiasAdd" && user.op() != "AscendDequant") return value;
    value = user.output();
  }
}

}  // namespace adze
