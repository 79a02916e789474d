#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/tensor.h"

namespace adze {

// Runs a graph node by node with the ops' own `evaluate`: slow, plain, sharing nothing with Session
// but the ops, and so what tests compare it with. `feeds` by placeholder node name; a
// PlaceholderWithDefault may be left out. Only what `fetches` need is run. kInvalidArgument names a
// placeholder that is not fed.
std::vector<Tensor> RunReference(const Graph& graph, const std::map<std::string, Tensor>& feeds,
                                 std::span<const Value> fetches);

}  // namespace adze
