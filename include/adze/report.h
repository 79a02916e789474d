#pragma once

#include <cstdint>
#include <optional>
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

// How near a simulated graph's first output is to the float graph's, taken before a final Softmax.
struct OutputComparison {
  int64_t samples = 0;
  double sqnr_db = 0;
  std::optional<double> agreement = {};  // same class; absent where the output is no class scores
};

// Runs the first `samples` of the data, one by one, through the float graph and the simulated ones.
// Empty if the output is not float32.
std::vector<OutputComparison> CompareOutputs(const Graph& prepared,
                                             const std::vector<const Graph*>& simulated,
                                             const Dataset& data, int64_t samples);

}  // namespace adze
