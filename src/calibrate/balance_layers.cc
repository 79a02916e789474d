#include <algorithm>

#include "adze/balance.h"
#include "adze/calibrate.h"
#include "adze/error.h"
#include "adze/op.h"
#include "adze/weight_channels.h"
#include "calibrate/factors.h"

namespace adze {
namespace {

ChannelAxes AxesOf(const Node& node) {
  return {node.def()->quant->channel_axes, node.def()->quant->input_channel_axes};
}

Value WeightOf(const Node& node) { return node.input(*node.def()->quant->weight_input); }

bool AsksForBalance(const PlannedLayer& layer) {
  return layer.skip_reason.empty() && layer.is_layer() && layer.config.migration_strength &&
         layer.node->def()->quant->weight_input;
}

// Why a layer cannot be balanced; "" if it can.
std::string RefusalOf(const Graph& graph, const Node& node) {
  if (graph.CountUses(WeightOf(node)) > 1) {
    return "shares its weight '" + WeightOf(node).node->name() + "' with others";
  }
  if (node.attr<std::string>("data_format", "NHWC").starts_with("NC")) {
    return "has its channels first (NCHW)";
  }
  return "";
}

void Balance(Graph& graph, Node& node, const std::vector<float>& factors) {
  const QuantTraits& traits = *node.def()->quant;
  std::vector<float> inverse;
  for (float factor : factors) inverse.push_back(1 / factor);
  const std::string name = graph.UniqueName(node.name() + "/balance");
  Node& constant = graph.AddConst(name + "/factor", Tensor::Vector(inverse));
  Node& mul = graph.Add(name, "Mul", {node.input(traits.data_input), constant.output()},
                        {{"T", DType::kFloat}});
  graph.SetInput(node, traits.data_input, mul.output());
  graph.SetConstInput(
      node, *traits.weight_input,
      ScaleInputChannels(WeightOf(node).node->const_value(), AxesOf(node), factors));
}

}  // namespace

bool AsksForBalance(const std::vector<PlannedLayer>& plan) {
  return std::any_of(plan.begin(), plan.end(),
                     [](const PlannedLayer& layer) { return AsksForBalance(layer); });
}

std::vector<std::string> BalanceLayers(Graph& prepared, std::vector<PlannedLayer>* plan,
                                       const Dataset& data, const CalibrateOptions& options) {
  std::vector<std::string> warnings;
  std::vector<PlannedLayer> observed;
  std::vector<PlannedLayer*> balanced;
  for (PlannedLayer& layer : *plan) {
    if (!AsksForBalance(layer)) continue;
    if (const std::string refusal = RefusalOf(prepared, *layer.node); !refusal.empty()) {
      warnings.push_back("layer '" + layer.node->name() + "': not balanced, because it " + refusal);
      continue;
    }
    balanced.push_back(&layer);
    observed.push_back(layer);
    observed.back().observe_channels = true;
  }
  if (balanced.empty()) return warnings;
  const Statistics statistics = CollectStatistics(prepared, observed, data, options);
  for (PlannedLayer* layer : balanced) {
    ErrorScope scope("layer", layer->node->name());
    const TapStatistics* tap = statistics.Find(ToString(DataOf(*layer)));
    Check(tap && !tap->channels.empty(), "channels were observed");
    const std::vector<float>& largest = tap->channels.max_abs;
    layer->balance_factor = BalanceFactors(
        largest,
        LargestOfInputChannels(WeightOf(*layer->node).node->const_value(), AxesOf(*layer->node),
                               static_cast<int64_t>(largest.size())),
        *layer->config.migration_strength);
  }
  // Only now: until here layers read what the statistics call it.
  for (PlannedLayer* layer : balanced) Balance(prepared, *layer->node, layer->balance_factor);
  return warnings;
}

void ApplyBalance(Graph& prepared, const Record& record) {
  for (const LayerRecord& layer : record.layers) {
    if (layer.balance_factor.empty()) continue;
    ErrorScope scope("layer", layer.name);
    Node* node = prepared.Find(layer.name);
    Require(node && node->def() && node->def()->quant && node->def()->quant->weight_input &&
                WeightOf(*node).node->IsConst(),
            ErrorCode::kInvalidArgument,
            "has a tensor_balance_factor, but is no layer with a constant weight");
    const std::string refusal = RefusalOf(prepared, *node);
    Require(refusal.empty(), ErrorCode::kUnsupported, "cannot be balanced: it ", refusal);
    Balance(prepared, *node, layer.balance_factor);
  }
}

}  // namespace adze
