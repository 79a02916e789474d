#include "export/quantized_layer.h"

#include <algorithm>
#include <unordered_map>

#include "adze/export.h"
#include "export/name_scopes.h"

namespace adze {
namespace {

void CheckOnCentres(const QuantizedWeight& weight, const std::vector<int32_t>& cluster) {
  if (cluster.empty()) return;
  for (int8_t code : weight.values.data<int8_t>()) {
    Require(std::find(cluster.begin(), cluster.end(), code) != cluster.end(),
            ErrorCode::kInvalidArgument, "its weight has the integer ", static_cast<int>(code),
            ", which is no centre of the record's cluster; move the weights to the centres first");
  }
}

QuantizedInput InputOf(Node& node, int input, const QuantParams& params) {
  return {.node = &node,
          .input = input,
          .scope = ScopeOf(node.name()),
          .num_bits = params.spec.num_bits,
          .scale = params.scale[0],
          .zero_point = params.zero_point[0]};
}

QuantizedLayer LayerOf(const Graph& graph, Node& node, const LayerRecord& record) {
  const QuantTraits& traits = *node.def()->quant;
  QuantizedLayer layer{InputOf(node, traits.data_input, *record.activation), &traits};
  layer.deq_scale = {layer.scale};
  if (!record.weight) return layer;
  layer.weight = QuantizeWeight(node.input(*layer.traits->weight_input).node->const_value(),
                                *record.weight, layer.traits->channel_axes);
  CheckOnCentres(*layer.weight, record.cluster);
  const std::vector<float>& scale_w = record.weight->scale;
  layer.deq_scale.clear();
  for (float scale : scale_w) layer.deq_scale.push_back(scale * layer.scale);
  layer.bias_add = ConstBiasAddBehind(graph, node);
  if (layer.bias_add) {
    const Tensor& bias = layer.bias_add->input(1).node->const_value();
    Require(scale_w.size() == 1 || static_cast<int64_t>(scale_w.size()) == bias.num_elements(),
            ErrorCode::kBadFile, "its bias has ", bias.num_elements(), " elements, its weight ",
            scale_w.size(), " channels");
    layer.bias = QuantizeBias(bias.data<float>(), scale_w, layer.scale);
  }
  return layer;
}

}  // namespace

std::vector<QuantizedLayer> QuantizedLayers(Graph& graph, const Record& record) {
  CheckRecord(graph, record);
  std::unordered_map<std::string_view, const LayerRecord*> found;
  for (const LayerRecord& layer : record.layers) {
    if (layer.activation) found.emplace(layer.name, &layer);
  }
  std::vector<QuantizedLayer> layers;
  for (Node* node : graph.TopologicalOrder()) {
    const auto it = found.find(node->name());
    if (it == found.end()) continue;
    ErrorScope scope("layer", node->name());
    layers.push_back(LayerOf(graph, *node, *it->second));
  }
  return layers;
}

std::vector<QuantizedInput> QuantizedTensors(Graph& graph, const Record& record) {
  std::vector<QuantizedInput> tensors;
  for (const LayerRecord& entry : record.layers) {
    const std::optional<TensorKey> key = ParseTensorKey(entry.name);
    if (!key || !entry.activation) continue;
    tensors.push_back(InputOf(*graph.Find(key->node), key->input, *entry.activation));
  }
  std::unordered_map<const Node*, size_t> place;
  for (const Node* node : graph.TopologicalOrder()) place.emplace(node, place.size());
  std::sort(tensors.begin(), tensors.end(), [&](const auto& a, const auto& b) {
    return std::pair(place.at(a.node), a.input) < std::pair(place.at(b.node), b.input);
  });
  return tensors;
}

void ReplaceConstInput(Graph& graph, Node& node, int input, Value value) {
  Node& before = *node.input(input).node;
  graph.SetInput(node, input, value);
  if (graph.CountUses(before.output()) == 0 && graph.ControlUsers(before).empty()) {
    graph.Erase(before);
  }
}

}  // namespace adze
