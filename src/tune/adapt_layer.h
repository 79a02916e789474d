#pragma once

#include "adze/graph.h"
#include "tune/tuned_layer.h"

namespace adze {

// Gives the layer in `graph` the weight and the bias that its moments tell, and its record the
// scales of fewer than 8 bits. `damping`: of the data's mean square, added to it.
void AdaptLayer(Graph& graph, const TunedLayer& layer, double damping);

}  // namespace adze
