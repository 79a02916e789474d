#pragma once

#include "adze/graph.h"
#include "adze/meta_graph.h"

namespace adze {

// Replaces every call (PartitionedCall, StatefulPartitionedCall, a node whose op is a function of
// the graph's library, If and StatelessIf whose condition is known) by the function's body; its
// nodes are named "call/node". Functions within functions too. The library goes when nothing
// refers to it any more. kBadFile names call and function.
// `output_args`: of ops that this library does not know.
void InlineFunctions(Graph& graph, const OutputArgs& output_args = {});

}  // namespace adze
