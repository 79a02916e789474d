#pragma once

#include "adze/calibrate.h"

namespace adze {

// The tensors that are quantized beside what layers read (PlanLayers). `layers`: the planned ones.
// kNotFound or kInvalidArgument if the config names one that there is not, kUnsupported if its node
// is none of Add, AddV2 and MaxPool.
std::vector<PlannedLayer> PlanTensors(const Graph& prepared, const Config& config,
                                      const std::vector<PlannedLayer>& layers);

}  // namespace adze
