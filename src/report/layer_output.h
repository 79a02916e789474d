#pragma once

#include "adze/graph.h"

namespace adze {

// The value that a layer hands on: behind its bias, dequantization and activation, as long as each
// has the one before it as its only source and is its only reader.
Value LayerOutput(const Graph& graph, Node& layer);

}  // namespace adze
