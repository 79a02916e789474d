#pragma once

#include <functional>
#include <string>
#include <vector>

#include "adze/config.h"
#include "adze/dataset.h"
#include "adze/graph.h"
#include "adze/record.h"

namespace adze {

// One layer of a prepared graph: to be quantized, or why not.
struct PlannedLayer {
  Node* node = nullptr;
  std::string skip_reason;  // empty: it is quantized
  LayerConfig config = {};
};

// Every node whose op has QuantTraits and whose data input is not constant, in topological order;
// with the reason for each that cannot be quantized (op constraint, weight not constant, config,
// skip list). kNotFound if `skip_layers` names no layer.
std::vector<PlannedLayer> PlanLayers(const Graph& prepared, const Config& config,
                                     const std::vector<std::string>& skip_layers = {});
// The layers a config may speak of: those that PlanLayers would quantize without a config.
std::vector<LayerInfo> QuantizableLayers(const Graph& prepared);

struct CalibrateOptions {
  int64_t batch_size = 1;
  int64_t batch_num = 0;  // 0: all the data
  int num_threads = 0;    // 0: all cores
  // Called after each batch with batches done and batches in all.
  std::function<void(int64_t, int64_t)> progress = {};
};

// Runs the data through the float graph and returns scale and zero point of each planned layer, in
// memory that does not grow with the data. Layers that read the same tensor with the same settings
// share one histogram. kInvalidArgument with layer and sample for NaN or Inf; kCancelled after
// Ctrl-C.
Record Calibrate(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                 const CalibrateOptions& options);

}  // namespace adze
