#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "adze/dataset.h"
#include "tune/tuned_layer.h"

namespace adze {

// Which data layers learn from. `after_sample` is called after each sample.
struct GatherOptions {
  int64_t samples = 0, rows = 0;  // rows: over all samples
  std::function<void()> after_sample;
};

// Gathers the moments of some layers in one pass over the data: of what the float graph gives
// them, and of the same quantized.
void GatherMoments(const Graph& prepared, std::vector<TunedLayer>& layers, const Dataset& data,
                   const GatherOptions& options);

// Gathers the moments of one layer from what the float graph gives it and what the simulation
// does, in which layers before it are quantized already; with them what the layer's output lacks.
void GatherMomentsBehind(const Graph& prepared, const Graph& fake_quant, TunedLayer& layer,
                         const Dataset& data, const GatherOptions& options);

}  // namespace adze
