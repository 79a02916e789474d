#pragma once

#include <vector>

#include "adze/dataset.h"
#include "adze/decompose.h"
#include "adze/graph.h"

namespace adze {

// Whether rows of what the layer multiplies with its weight can be had.
bool HasRows(const Node& layer);

// E[x xᵀ] of what each layer multiplies with its weight, [K, K], from some positions of each
// sample. Layers must have rows.
std::vector<std::vector<float>> InputMoments(const Graph& graph,
                                             const std::vector<const Node*>& layers,
                                             const DecomposeData& data);

// Refits the last convolution of each decomposed layer, in topological order, so that its output
// comes nearest in the square to that of the layer it stands for, given what now comes in (its own
// factors and those of all layers before it): least squares in closed form.
void CorrectLayers(const Graph& original, Graph& graph,
                   const std::vector<LayerDecomposition>& layers, const DecomposeData& data);

}  // namespace adze
