#include "adze/api.h"

namespace adze {

Plan MakePlan(const Graph& prepared, const PlanOptions& options) {
  Plan plan;
  plan.quantizable = QuantizableLayers(prepared);
  plan.config = options.config.empty() ? DefaultConfig(plan.quantizable)
                                       : ReadConfig(options.config, plan.quantizable);
  if (options.symmetric) plan.config.activation_offset = false;
  for (auto& [name, layer] : plan.config.layers) {
    if (options.symmetric) layer.activation.asymmetric = false;
    if (!options.calibrator.empty()) layer.activation.algorithm = options.calibrator;
  }
  plan.layers = PlanLayers(prepared, plan.config, options.skip_layers);
  // The config that is written says what was done.
  for (const PlannedLayer& layer : plan.layers) {
    auto found = plan.config.layers.find(layer.node->name());
    if (found != plan.config.layers.end()) found->second.quantize = layer.skip_reason.empty();
  }
  return plan;
}

}  // namespace adze
