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
    if (uses[0].input != 0 || !kFollow.contains(uses[0].user->op())) return value;
    value = uses[0].user->output();
  }
}

}  // namespace adze
