#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "adze/dataset.h"
#include "adze/graph.h"
#include "adze/record.h"

namespace adze {

// How near a layer's output in the simulated graph is to that in the float graph, all layers before
// it being quantized too. The output is taken behind bias and activation.
struct LayerComparison {
  std::string layer;
  double cosine = 0;   // 1: same direction
  double sqnr_db = 0;  // 10 log10(sum float^2 / sum (float - simulated)^2)
};

// Runs the first `samples` of the data through both graphs. Both hold the record's layers under
// their names (adze/export.h).
std::vector<LayerComparison> CompareLayers(const Graph& prepared, const Graph& simulated,
                                           const Record& record, const Dataset& data,
                                           int64_t samples);

}  // namespace adze
