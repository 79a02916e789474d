#include <algorithm>
#include <set>

#include "adze/calibrate.h"
#include "adze/error.h"
#include "adze/near_names.h"
#include "adze/op.h"

namespace adze {
namespace {

// Nodes that compute a layer on data, in topological order. A weight that is itself computed by
// such an op from constants is no layer.
std::vector<Node*> FindLayers(const Graph& prepared) {
  std::vector<Node*> layers;
  for (Node* node : prepared.TopologicalOrder()) {
    if (!node->def() || !node->def()->quant) continue;
    const int data = node->def()->quant->data_input;
    if (data < node->num_inputs() && !node->input(data).node->IsConst()) layers.push_back(node);
  }
  return layers;
}

// Why the graph does not let this layer be quantized; "" if it does.
std::string RefusalOf(const Node& node) {
  const QuantTraits& traits = *node.def()->quant;
  if (node.attr<DType>("T", DType::kFloat) != DType::kFloat) {
    return "computes in " + Name(node.attr<DType>("T")) + ", needs float32";
  }
  if (traits.refuse) {
    if (std::optional<std::string> reason = traits.refuse(node)) return *reason;
  }
  if (traits.weight_input) {
    const Node* weight = node.input(*traits.weight_input).node;
    if (!weight->IsConst()) return "weight '" + weight->name() + "' is not constant";
  }
  return "";
}

std::string ReasonFor(const Node& node, const Config& config,
                      const std::set<std::string>& skip_layers) {
  if (std::string refusal = RefusalOf(node); !refusal.empty()) return refusal;
  if (skip_layers.contains(node.name())) return "skipped on request";
  auto found = config.layers.find(node.name());
  if (found == config.layers.end()) return "not in the config";
  return found->second.quantize ? "" : "switched off in the config";
}

}  // namespace

std::vector<PlannedLayer> PlanLayers(const Graph& prepared, const Config& config,
                                     const std::vector<std::string>& skip_layers) {
  Require(!config.joint_quant, ErrorCode::kUnsupported,
          "joint_quant is not supported; set it to false");
  const std::vector<Node*> nodes = FindLayers(prepared);
  std::vector<std::string> names;
  for (const Node* node : nodes) names.push_back(node->name());
  for (const std::string& skip : skip_layers) {
    Require(std::find(names.begin(), names.end(), skip) != names.end(), ErrorCode::kNotFound,
            "no layer '", skip, "' to skip", DidYouMean(skip, names));
  }
  const std::set<std::string> skip(skip_layers.begin(), skip_layers.end());
  std::vector<PlannedLayer> plan;
  for (Node* node : nodes) {
    PlannedLayer layer{node, ReasonFor(*node, config, skip)};
    auto found = config.layers.find(node->name());
    if (found != config.layers.end()) layer.config = found->second;
    plan.push_back(std::move(layer));
  }
  return plan;
}

std::vector<LayerInfo> QuantizableLayers(const Graph& prepared) {
  std::vector<LayerInfo> layers;
  for (const Node* node : FindLayers(prepared)) {
    if (!RefusalOf(*node).empty()) continue;
    const QuantTraits& traits = *node->def()->quant;
    layers.push_back({.name = node->name(),
                      .op = node->op(),
                      .per_channel = traits.per_channel,
                      .has_weight = traits.weight_input.has_value()});
  }
  return layers;
}

}  // namespace adze
