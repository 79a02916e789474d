#pragma once

#include <optional>
#include <span>
#include <vector>

#include "adze/pass.h"

namespace adze {

// A layer that is linear in its data, with constant weights (QuantTraits says which: Conv2D,
// MatMul, ...), and what may stand between it and an op behind it that works channel by channel:
//
//   x -> linear -> [BiasAdd] -> [mover] -> tail
//
// The mover (Reshape, BatchToSpaceND) rearranges elements but keeps the channel axis.
struct LinearLayer {
  Node* linear = nullptr;
  Node* bias_add = nullptr;  // null: no bias
  Node* mover = nullptr;     // null: nothing
  int64_t channels = 0;
  int64_t inner = 1;            // weights of one channel that lie side by side
  int rank = 0;                 // of the value that the tail reads
  bool channels_first = false;  // NCHW
};

// data_format is NCHW.
bool IsChannelsFirst(const Node& node);

// The layer that ends in `value`, if it may be changed: every node on the way is read once and is
// no output of the graph, and skip_fusion_layers does not name it.
std::optional<LinearLayer> FindLinearLayer(const Graph& graph, Value value,
                                           const PassContext& context);

// One number per channel from a constant that is broadcast against the layer's output: a scalar,
// one element per channel, or more axes that are all 1. nullopt if it is anything else.
std::optional<std::vector<double>> ChannelValues(const LinearLayer& layer, const Tensor& constant);

// Folds y * scale + shift, which `tail` computes from the layer's output, into the layer:
//   W'[.., c] = W[.., c] * scale[c],  b'[c] = b[c] * scale[c] + shift[c]
// in float64, rounded once. Constants that others read are copied first. A layer without a bias
// gets a BiasAdd, unless the shift is 0; without a mover it takes the tail's name. Then every
// reader of the tail reads the layer. False, with a warning and without a change, if a result is
// not finite.
bool FoldAffine(Graph& graph, const LinearLayer& layer, std::span<const double> scale,
                std::span<const double> shift, Node& tail, PassContext& context);

}  // namespace adze
