#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/op.h"
#include "adze/record.h"

namespace adze {

// A value that a node of a graph that is being rewritten reads quantized.
struct QuantizedInput {
  Node* node = nullptr;
  int input = 0;
  std::string scope = {};  // for the names of new nodes
  int num_bits = 8;
  float scale = 1;
  int32_t zero_point = 0;

  Value data() const { return node->input(input); }
};

// A layer, with every number that its quantization takes:
//   y = (sum (q_x - zero_point) * q_w + q_b) * deq_scale
struct QuantizedLayer : QuantizedInput {
  const QuantTraits* traits = nullptr;
  std::optional<QuantizedWeight> weight = {};  // absent for AvgPool
  std::vector<float> deq_scale = {};           // scale_w * scale_d: one, or one per output channel
  Node* bias_add = nullptr;                    // the layer's one reader, a BiasAdd of a constant
  std::vector<int32_t> bias = {};              // its q_b

  // What a reader of the layer reads: the BiasAdd if there is one.
  Node& tail() const { return bias_add ? *bias_add : *node; }
};

// The record's layers that have factors, in topological order, so that a layer whose output is
// replaced comes before those that read it. Checks the record.
std::vector<QuantizedLayer> QuantizedLayers(Graph& graph, const Record& record);

// The record's tensors that no layer reads, in topological order; to be quantized behind all
// layers.
std::vector<QuantizedInput> QuantizedTensors(Graph& graph, const Record& record);

// Makes input `input` of the node read `value`, and removes the constant it read before if nobody
// else does.
void ReplaceConstInput(Graph& graph, Node& node, int input, Value value);

}  // namespace adze
