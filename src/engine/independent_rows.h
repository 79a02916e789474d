#pragma once

#include <map>
#include <string>

#include "engine/flow.h"

namespace adze {

// Whether the rows of a batch pass through the graph without meeting: row i of every fetch depends
// on row i of the feeds only, so that a batch can be run in pieces. Every feed has the batch as its
// first dimension. Ops that are not known to keep rows apart count as mixing them.
bool RowsAreIndependent(const Flow& flow, std::span<const Value> fetches);

}  // namespace adze
