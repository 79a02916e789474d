#include <algorithm>
#include <cmath>

#include "adze/calibrate.h"
#include "adze/op.h"

namespace adze {

int64_t FitBiases(const Graph& prepared, const std::vector<PlannedLayer>& plan, Record* record) {
  constexpr float kLargest = 1 << 30;  // half of int32: correction of biases comes later
  int64_t raised = 0;
  for (size_t i = 0; i < plan.size(); ++i) {
    LayerRecord& entry = record->layers[i];
    if (!entry.activation || !entry.weight || !entry.cluster.empty()) continue;
    const Node* bias_add = ConstBiasAddBehind(prepared, *plan[i].node);
    if (!bias_add) continue;
    const auto bias = bias_add->input(1).node->const_value().data<float>();
    std::vector<float>& scales = entry.weight->scale;
    for (size_t c = 0; c < bias.size(); ++c) {
      float& scale = scales[scales.size() == 1 ? 0 : c];
      const float least = std::abs(bias[c]) / (kLargest * entry.activation->scale[0]);
      if (!(scale < least)) continue;
      scale = least;
      ++raised;
    }
  }
  return raised;
}

}  // namespace adze
