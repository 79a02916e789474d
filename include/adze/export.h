#pragma once

#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/record.h"

namespace adze {

// Whether a record's factors can be applied to a prepared graph (reference section 7.4). Throws,
// naming the layer: kNotFound if the graph has no such node; kInvalidArgument if the op (or, of an
// entry "NODE:INPUT", the inputs of that op) cannot be quantized, its weight is not constant,
// factors are missing, superfluous, out of range, or as many as neither one nor the output
// channels.
void CheckRecord(const Graph& prepared, const Record& record);

// Copies of a prepared graph with the record's factors applied (CheckRecord holds). Outputs keep
// their names: where a rewrite replaced the node behind an output, an Identity of the old name
// stands there, and a node that had the name gets "/quantized" appended. New nodes of a layer are
// named within its scope: its name without the last part, or, if it has only one, the name itself.
// In both graphs the bias is quantized only where a BiasAdd is the layer's one reader; any other
// addition stays in float behind the layer.

// Entries "NODE:INPUT" put a quantizer and its reverse in front of that input.

// Standard TensorFlow ops only: Mul, Round, Add, Minimum, Maximum, Sub before each layer give
// q - zero_point, weights and biases are the integers of the deployable graph held in float32, and
// a Mul by scale_d * scale_w stands behind. Stock TensorFlow runs it. Layers that read one value
// with equal factors share the ops.
Graph BuildFakeQuantGraph(const Graph& prepared, const Record& record);

// AscendQuant, AscendWeightQuant, AscendDequant as AMCT writes them (reference sections 8 and 11).
Graph BuildQuantizedGraph(const Graph& prepared, const Record& record);

// PREFIX_quant.json: which node of the quantized graph stands for which node of the original
// (docs/formats.md).
std::string QuantJson(const Graph& quantized, const Record& record);

}  // namespace adze
