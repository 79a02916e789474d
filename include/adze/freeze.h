#pragma once

#include <string>
#include <unordered_map>

#include "adze/checkpoint.h"
#include "adze/graph.h"

namespace adze {

// Where a checkpoint holds a variable.
struct VariableKey {
  std::string key;
  std::string slice;  // part of the whole tensor, as RestoreV2 names it; empty: all of it
};
// By the name of the variable's node.
using VariableKeys = std::unordered_map<std::string, VariableKey>;

// What the graph's restore ops (RestoreV2 into Assign or AssignVariableOp) say, which know about
// renamed and partitioned variables. Functions must be inlined.
VariableKeys FindVariableKeys(const Graph& graph);

// Replaces variables by their values: a VariableV2 or VarHandleOp becomes a Const of the same name,
// ReadVariableOp an Identity, ResourceGather a GatherV2. A variable that `keys` does not name is
// looked for by its own name and in the checkpoint's object graph. `checkpoint` may be null where
// the graph has no variables. Only what the outputs need may be left in the graph. kNotFound names
// a variable without value, kUnsupported one that is written to.
void FreezeVariables(Graph& graph, const VariableKeys& keys, const Checkpoint* checkpoint);

}  // namespace adze
