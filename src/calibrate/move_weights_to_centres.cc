#include "adze/calibrate.h"
#include "adze/error.h"
#include "adze/op.h"

namespace adze {

void MoveWeightsToCentres(Graph& prepared, const Record& record) {
  for (const LayerRecord& layer : record.layers) {
    if (layer.cluster.empty()) continue;
    ErrorScope scope("layer", layer.name);
    Node* node = prepared.Find(layer.name);
    Require(node && node->def() && node->def()->quant && node->def()->quant->weight_input &&
                layer.weight,
            ErrorCode::kInvalidArgument, "has a cluster, but is no layer with a weight");
    const QuantTraits& traits = *node->def()->quant;
    const Node& weight = *node->input(*traits.weight_input).node;
    Require(weight.IsConst(), ErrorCode::kInvalidArgument, "its weight '", weight.name(),
            "' is not constant");
    prepared.SetConstInput(
        *node, *traits.weight_input,
        MoveToCentres(weight.const_value(), {*layer.weight, layer.cluster}, traits.channel_axes));
  }
}

}  // namespace adze
