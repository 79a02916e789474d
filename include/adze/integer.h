#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adze/op.h"

namespace adze {

// A quantized layer of a deployable graph and what became of it.
struct LoweredLayer {
  std::string name, op;
  std::string reason;  // why it is simulated in float32; empty: it runs on integers
};

// A deployable graph (AscendQuant, AscendWeightQuant, AscendDequant) made ready to run on integers:
// a layer from its quantized data to the next layer's quantized data is one node, activations
// between layers are uint8 (q + 128), sums int32, and what the graph computes in float32 between
// layers (a residual addition) stays float32, in the same order of operations. The same numbers as
// the simulation, bit for bit, except where a sum of the simulation is too large for float32 to be
// exact (2^24).
struct IntegerGraph {
  std::unique_ptr<OpRegistry> ops;  // the known ops and those of integers, which no file can hold
  Graph graph;                      // outputs as in the original
  std::vector<LoweredLayer> layers;
  // By the name of an AscendQuant whose readers run on integers: the uint8 value that they read.
  std::map<std::string, Value> codes;
};

// Whether the graph has an AscendQuant, so that there is something to run on integers; and
// kInvalidArgument if it has none.
bool IsDeployable(const Graph& graph);
void CheckDeployable(const Graph& graph);
// Layers that cannot run on integers keep their simulation; their reason says why.
IntegerGraph LowerToIntegers(const Graph& quantized);

// Logs a warning for each layer that stays simulated, and one if this machine lacks instructions.
void WarnOfSimulated(const IntegerGraph& lowered);

// The instructions that integer layers use on this machine: "AVX512-VNNI", "AVX2" or "plain C++".
std::string IntegerInstructions();

}  // namespace adze
