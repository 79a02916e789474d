#pragma once

#include <optional>
#include <string>

#include "adze/graph.h"
#include "adze/op.h"
#include "adze/quant.h"
#include "adze/record.h"

namespace adze {

// What exporters need of one quantized layer: x, w -> layer (-> BiasAdd) -> readers.
struct LayerView {
  Node& layer;
  const QuantTraits& traits;
  const LayerRecord& record;
  Node* bias_add = nullptr;  // the layer's only reader, with a constant bias; or null

  Value data() const { return layer.input(traits.data_input); }
  // Last node of the layer.
  Node& tail() const { return bias_add ? *bias_add : layer; }
  // The layer's name without its last part; the whole name if it has one part.
  std::string scope() const;
  float scale_d() const { return record.activation->scale[0]; }
  int32_t zero_point() const { return record.activation->zero_point[0]; }
  // The weight on the record's scales; nullopt for AvgPool.
  std::optional<QuantizedWeight> QuantizedWeights() const;
  // Weight scales, {1} for AvgPool.
  std::vector<float> scale_w() const;
  // The bias in steps of scale_d * scale_w.
  std::vector<int32_t> QuantizedBias() const;
};

// The layers of `graph` that the record quantizes, in the record's order. Throws kNotFound /
// kInvalidArgument where record and graph do not fit (reference/amct-interfaces section 7.4).
std::vector<LayerView> QuantizedLayers(Graph& graph, const Record& record);

// Makes sure that a node of each output's name gives the output: where a rewrite replaced it, an
// Identity of that name is added.
void RestoreOutputNames(Graph& graph);

}  // namespace adze
