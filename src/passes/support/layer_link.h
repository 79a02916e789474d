#pragma once

#include <optional>
#include <span>
#include <vector>

#include "passes/support/linear_layer.h"

namespace adze {

// Two layers between which each channel can be changed on its own:
//   first -> [BiasAdd] -> [Relu, MaxPool, ...] -> [clip] -> [MaxPool, ...] -> second
// Nobody else reads what lies between, nor either weight. Ops between are homogeneous
// (f(s x) = s f(x) for s > 0), and f(x + c) = f(x) + c where x >= 0 and c >= 0.
struct LayerLink {
  LinearLayer first;
  Node* second = nullptr;
  Node* clip = nullptr;  // Relu6, or the Minimum that became of one; null: nothing
};

// The link that ends in `second`.
std::optional<LayerLink> FindLayerLink(const Graph& graph, Node& second,
                                       const PassContext& context);
// The largest values that the clip leaves, one per channel.
std::vector<float> ClipBounds(const LayerLink& link);
// Makes the clip one by these: Relu6 becomes Relu and Minimum, which takes a constant per channel.
void SetClipBounds(Graph& graph, const LayerLink& link, std::span<const float> bounds);

}  // namespace adze
