#pragma once

#include <memory>
#include <vector>

#include "engine/flow.h"
#include "engine/kernel.h"

namespace adze {

// Nodes that one step computes.
struct Group {
  std::vector<Node*> nodes;        // in order of computation; the last one's output is the result
  std::vector<Value> inputs;       // what the kernel reads, in its order
  int residual = -1;               // index in `inputs` of what output 0 must hold on entry
  std::unique_ptr<Kernel> kernel;  // null: the result is input 0 under another shape
};

// Divides the nodes of the flow into groups and compiles their kernels; in an order in which they
// can run.
std::vector<Group> FuseNodes(const Flow& flow, PreparedConstants& prepared);

}  // namespace adze
