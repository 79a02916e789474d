#include <algorithm>

#include "adze/api.h"

namespace adze {
namespace {

void OverrideActivation(const PlanOptions& options, ActivationConfig* config) {
  if (options.symmetric) config->asymmetric = false;
  if (options.activation_bits != 0) config->num_bits = options.activation_bits;
  if (options.calibrator.empty()) return;
  const ActivationConfig given = ParseCalibrator(options.calibrator);
  // What the config says of another calibrator does not belong to this one.
  if (config->algorithm != given.algorithm) config->parameters.clear();
  config->algorithm = given.algorithm;
  for (const auto& [name, value] : given.parameters) config->parameters[name] = value;
  SettingsOf(*config);
}

void OverrideWeights(const Graph& prepared, const PlanOptions& options, Plan* plan) {
  std::vector<std::string> edges;
  if (options.edge_weight_bits != 0) edges = EdgeLayers(prepared);
  for (const LayerInfo& info : plan->quantizable) {
    const auto found = plan->config.layers.find(info.name);
    if (found == plan->config.layers.end() || !info.has_weight) continue;
    WeightConfig& weight = found->second.weight;
    if (!options.weights.empty()) weight.algorithm = options.weights;
    const bool is_edge = std::find(edges.begin(), edges.end(), info.name) != edges.end();
    const int bits = is_edge ? options.edge_weight_bits : options.weight_bits;
    if (bits != 0) weight.num_bits = bits;
    if (!options.weights.empty() || bits != 0) FitToLayer(info, &weight);
    // Clipping a few large weights pays where integers are few.
    const bool chooses = options.config.empty() && options.weights.empty();
    if (chooses && weight.num_bits < 8) weight.algorithm = "mse";
    if (!options.rounding.empty()) weight.rounding = options.rounding;
    if (options.bias_correction) weight.bias_correction = *options.bias_correction;
    if (options.balance) found->second.migration_strength = options.balance;
  }
}

// What accuracy is best with; a config that is given says all by itself.
Config BestConfig(const std::vector<LayerInfo>& layers) {
  Config config = DefaultConfig(layers);
  for (const LayerInfo& layer : layers) {
    if (!layer.has_weight) continue;
    WeightConfig& weight = config.layers[layer.name].weight;
    weight.rounding = "adaround";
    weight.bias_correction = true;
  }
  return config;
}

}  // namespace

Plan MakePlan(const Graph& prepared, const PlanOptions& options) {
  Plan plan;
  plan.quantizable = QuantizableLayers(prepared);
  plan.config = options.config.empty() ? BestConfig(plan.quantizable)
                                       : ReadConfig(options.config, plan.quantizable);
  Require(options.takes_retraining || !plan.config.for_retraining, ErrorCode::kInvalidArgument,
          "file '", options.config.string(),
          "': this is a config of retraining; use adze retrain, or give one of calibration");
  if (options.symmetric) plan.config.activation_offset = false;
  for (auto& [name, layer] : plan.config.layers) {
    OverrideActivation(options, &layer.activation);
  }
  for (TensorConfig& tensor : plan.config.tensors) OverrideActivation(options, &tensor.activation);
  if (options.joint) plan.config.joint_quant = *options.joint;
  OverrideWeights(prepared, options, &plan);
  plan.config.equalize |= options.equalize;
  plan.config.absorb_biases |= options.absorb_biases;
  plan.layers = PlanLayers(prepared, plan.config, options.skip_layers);
  // The config that is written says what was done.
  for (const PlannedLayer& layer : plan.layers) {
    if (!layer.is_layer()) continue;
    auto found = plan.config.layers.find(layer.node->name());
    if (found != plan.config.layers.end()) found->second.quantize = layer.skip_reason.empty();
  }
  return plan;
}

}  // namespace adze
