#pragma once

#include <string>

#include "adze/graph.h"

namespace adze {

// Makes every output be found under its name: where a rewrite or a pass replaced the node behind
// it, an Identity takes the name. A node that has the name now makes way: see OriginalName.
//   relu -> [dequant], output "relu"   becomes   relu/quantized -> [dequant] -> relu (Identity)
void KeepOutputNames(Graph& graph);

// The name of a node before it made way for an output.
std::string OriginalName(const Node& node);

}  // namespace adze
