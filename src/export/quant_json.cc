#include <nlohmann/json.hpp>

#include "adze/export.h"
#include "adze/op.h"
#include "export/output_names.h"

namespace adze {
namespace {

// The AscendDequant behind a layer, over its BiasAdd if it has one; null if it is left in float.
Node* DequantBehind(const Graph& graph, const Node& layer) {
  for (const Use& use : graph.Uses(layer)) {
    if (use.user->op() == "AscendDequant") return use.user;
    if (use.user->op() != "BiasAdd") continue;
    for (const Use& next : graph.Uses(*use.user)) {
      if (next.user->op() == "AscendDequant") return next.user;
    }
  }
  return nullptr;
}

// The node of a layer, which may have made way for an output of its name.
Node* LayerNode(const Graph& graph, const std::string& name) {
  Node* node = graph.Find(name);
  if (!node || (node->def() && node->def()->quant)) return node;
  return graph.Find(name + "/quantized");
}

}  // namespace

std::string QuantJson(const Graph& quantized, const Record& record) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const LayerRecord& layer : record.layers) {
    Node* node = LayerNode(quantized, layer.name);
    const Node* dequant = node ? DequantBehind(quantized, *node) : nullptr;
    if (!dequant) continue;
    const QuantTraits& traits = *node->def()->quant;
    const Node& tail = *dequant->input(0).node;
    nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
    nodes.push_back(node->input(traits.data_input).node->name());
    if (traits.weight_input) nodes.push_back(node->input(*traits.weight_input).node->name());
    nodes.push_back(node->name());
    if (&tail != node) nodes.push_back(tail.name());
    nodes.push_back(dequant->name());
    nlohmann::ordered_json origins = {layer.name};
    if (&tail != node) origins.push_back(OriginalName(tail));
    layers.push_back({{"quantized_node", dequant->name()},
                      {"origin_node", OriginalName(tail)},
                      {"layer", layer.name},
                      {"op", node->op()},
                      {"quantized_nodes", std::move(nodes)},
                      {"origin_nodes", std::move(origins)}});
  }
  return layers.dump(4) + "\n";
}

}  // namespace adze
