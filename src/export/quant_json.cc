#include <nlohmann/json.hpp>

#include "adze/export.h"

namespace adze {
namespace {

std::string ScopeOf(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? name : name.substr(0, slash);
}

bool IsInserted(const Node& node) { return node.op().starts_with("Ascend"); }

}  // namespace

std::string QuantJson(const Graph& quantized, const Record& record) {
  nlohmann::ordered_json json;
  json["version"] = 1;
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerRecord& layer : record.layers) {
    const Node* node = quantized.Find(layer.name);
    if (!node || !layer.activation) continue;
    nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
    for (Value input : node->inputs()) {
      if (IsInserted(*input.node)) nodes.push_back(input.node->name());
    }
    nodes.push_back(node->name());
    // The layer's own readers up to its AscendDequant.
    const Node* reader = node;
    while (!IsInserted(*reader)) {
      const std::vector<Use> uses = quantized.Uses(*reader);
      if (uses.size() != 1) break;
      reader = uses[0].user;
      nodes.push_back(reader->name());
    }
    json["layers"].push_back(
        {{"origin", layer.name}, {"scope", ScopeOf(layer.name)}, {"quantized", std::move(nodes)}});
  }
  return json.dump(4) + "\n";
}

}  // namespace adze
