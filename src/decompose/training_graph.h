#pragma once

#include <map>
#include <string>
#include <vector>

#include "adze/decompose.h"
#include "adze/graph.h"
#include "adze/meta_graph.h"

namespace adze {

// What became of a training graph's variables and nodes.
struct TrainingGraphChanges {
  std::vector<LayerDecomposition> layers;
  // New variables by the name of the one that they stand for.
  std::map<std::string, std::vector<VariableEntry>> variables;
  std::map<std::string, std::string> renamed;  // nodes, by their former names
};

// Replaces convolutions (and matrix products) as the edits say. Their kernels are variables; those
// of the new ones are variables with random initial values, to be restored from a checkpoint of the
// decomposed model or trained. Saving and restoring goes: it names variables that are no more. The
// weight decay (L2Loss) of a kernel becomes that of the new ones. kInvalidArgument names a layer
// that the graph has not, or whose kernel is read by anything else, such as an optimizer.
TrainingGraphChanges EditTrainingGraph(Graph& graph, const std::vector<DecompositionEdit>& edits);

}  // namespace adze
