#pragma once

#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/record.h"

namespace adze {

// Copies of a prepared graph with the record's factors applied. Outputs keep their names: where a
// rewrite replaced the node behind an output, an Identity of the old name stands there.

// Standard TensorFlow ops only (Mul, Round, Add, Minimum, Maximum, Sub, Mul before each layer, the
// weights replaced by int8 * scale, biases by int32 * scale): stock TensorFlow runs it.
Graph BuildFakeQuantGraph(const Graph& prepared, const Record& record);

// AscendQuant, AscendWeightQuant, AscendDequant as AMCT writes them (reference sections 8 and 11).
Graph BuildQuantizedGraph(const Graph& prepared, const Record& record);

// PREFIX_quant.json: nodes of the quantized graph and the nodes of the original they stand for.
std::string QuantJson(const Graph& quantized, const Record& record);

}  // namespace adze
