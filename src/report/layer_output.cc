#include "report/layer_output.h"

#include <set>

namespace adze {

Value LayerOutput(const Graph& graph, Node& layer) {
  static const std::set<std::string, std::less<>> kFollow = {
      "BiasAdd", "AscendDequant", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh"};
  Value value = layer.output();
  for (;;) {
    const std::vector<Use> uses = graph.Uses(value);
    if (uses.size() != 1 || graph.IsOutput(value)) return value;
    Node& user = *uses[0].user;
    // The simulation scales a layer's sum of integers by a constant.
    const bool scales = user.op() == "Mul" && user.input(1).node->IsConst();
    if (uses[0].input != 0 || !(scales || kFollow.contains(user.op()))) return value;
    value = user.output();
  }
}

}  // namespace adze
