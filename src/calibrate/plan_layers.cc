#include <algorithm>
#include <set>
#include <unordered_map>

#include "adze/calibrate.h"
#include "adze/error.h"
#include "adze/near_names.h"
#include "adze/op.h"
#include "adze/tensor_key.h"
#include "calibrate/plan_tensors.h"

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

std::string PlannedLayer::name() const {
  return tensor ? ToString(TensorKey{node->name(), *tensor}) : node->name();
}

int PlannedLayer::data_input() const { return tensor ? *tensor : node->def()->quant->data_input; }

std::vector<PlannedLayer> PlanLayers(const Graph& prepared, const Config& config,
                                     const std::vector<std::string>& skip_layers) {
  const std::set<std::string> skip(skip_layers.begin(), skip_layers.end());
  std::vector<PlannedLayer> plan;
  for (Node* node : FindLayers(prepared)) {
    PlannedLayer layer{node, ReasonFor(*node, config, skip)};
    auto found = config.layers.find(node->name());
    if (found != config.layers.end()) layer.config = found->second;
    plan.push_back(std::move(layer));
  }
  for (PlannedLayer& tensor : PlanTensors(prepared, config, plan)) {
    if (skip.contains(tensor.node->name())) tensor.skip_reason = "skipped on request";
    plan.push_back(std::move(tensor));
  }
  std::vector<std::string> names;
  for (const PlannedLayer& layer : plan) names.push_back(layer.node->name());
  for (const std::string& name : skip) {
    Require(std::find(names.begin(), names.end(), name) != names.end(), ErrorCode::kNotFound,
            "no layer '", name, "' to skip", DidYouMean(name, names));
  }
  std::unordered_map<const Node*, size_t> place;
  for (const Node* node : prepared.TopologicalOrder()) place.emplace(node, place.size());
  std::stable_sort(plan.begin(), plan.end(), [&](const PlannedLayer& a, const PlannedLayer& b) {
    return place.at(a.node) < place.at(b.node);
  });
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

std::vector<std::string> EdgeLayers(const Graph& prepared) {
  std::set<const Node*> layers;
  for (const Node* node : FindLayers(prepared)) {
    if (node->def()->quant->weight_input) layers.insert(node);
  }
  std::set<const Node*> behind, before;  // a layer
  const std::vector<Node*> order = prepared.TopologicalOrder();
  for (const Node* node : order) {
    for (const Value& input : node->inputs()) {
      if (layers.contains(input.node) || behind.contains(input.node)) behind.insert(node);
    }
  }
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    if (!layers.contains(*node) && !before.contains(*node)) continue;
    for (const Value& input : (*node)->inputs()) before.insert(input.node);
  }
  std::vector<std::string> edges;
  bool any_between = false;
  for (const Node* node : order) {
    if (!layers.contains(node)) continue;
    const bool is_edge = behind.contains(node) != before.contains(node);
    if (is_edge) edges.push_back(node->name());
    any_between |= !is_edge;
  }
  if (!any_between) return {};
  return edges;
}

}  // namespace adze
