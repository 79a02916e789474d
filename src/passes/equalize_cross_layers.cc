#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "adze/op.h"
#include "adze/weight_channels.h"
#include "passes/support/layer_link.h"

namespace adze {
namespace {

ChannelAxes AxesOf(const Node& node) {
  return {node.def()->quant->channel_axes, node.def()->quant->input_channel_axes};
}

const Tensor& WeightOf(const Node& node) {
  return node.input(*node.def()->quant->weight_input).node->const_value();
}

// For each channel the least exponent of its scale: what raises the channel may bring its bias up
// to the layer's largest, no further. Channels that hardly depend on the data (weights of 1e-10 are
// common in trained depthwise layers) would else become constants that no range holds.
std::vector<double> LeastExponents(const LinearLayer& layer) {
  std::vector<double> least(layer.channels, -std::numeric_limits<double>::infinity());
  if (!layer.bias_add) return least;
  const std::span<const float> bias = layer.bias_add->input(1).node->const_value().data<float>();
  float largest = 0;
  for (float value : bias) largest = std::max(largest, std::abs(value));
  for (size_t c = 0; c < bias.size(); ++c) {
    if (bias[c] != 0) least[c] = std::ceil(std::log2(std::abs(double{bias[c]}) / largest));
  }
  return least;
}

// For each channel the power of two next to sqrt(range of its weights in the first layer / in the
// second one); 1 where the ranges are within a factor of 2.
std::vector<float> ScalesOf(const LayerLink& link) {
  const Node& first = *link.first.linear;
  const auto out = LargestOfOutputChannels(WeightOf(first), AxesOf(first));
  const auto in =
      LargestOfInputChannels(WeightOf(*link.second), AxesOf(*link.second), link.first.channels);
  const std::vector<double> least = LeastExponents(link.first);
  std::vector<float> scales;
  for (size_t c = 0; c < out.size(); ++c) {
    const bool has_range = out[c] > 0 && in[c] > 0 && std::isfinite(out[c]) && std::isfinite(in[c]);
    const double exponent = has_range ? std::log2(out[c] / double{in[c]}) / 2 : 0;
    scales.push_back(static_cast<float>(std::exp2(std::max(std::nearbyint(exponent), least[c]))));
  }
  return scales;
}

Tensor Divide(const Tensor& values, std::span<const float> divisors) {
  Tensor result = values.Clone();
  const std::span<float> data = result.mutable_data<float>();
  for (size_t c = 0; c < data.size(); ++c) data[c] /= divisors[c];
  return result;
}

// False, and nothing is changed, if a number would leave float32's normal range.
bool Scale(Graph& graph, const LayerLink& link, std::span<const float> scales) {
  Node &first = *link.first.linear, &second = *link.second;
  std::vector<float> inverse;
  for (float scale : scales) inverse.push_back(1 / scale);
  Tensor out = ScaleOutputChannels(WeightOf(first), AxesOf(first), inverse);
  Tensor in = ScaleInputChannels(WeightOf(second), AxesOf(second), scales);
  std::optional<Tensor> bias;
  if (link.first.bias_add) {
    bias = Divide(link.first.bias_add->input(1).node->const_value(), scales);
    for (float value : bias->data<float>()) {
      if (!std::isfinite(value)) return false;
    }
  }
  graph.SetConstInput(first, *first.def()->quant->weight_input, std::move(out));
  graph.SetConstInput(second, *second.def()->quant->weight_input, std::move(in));
  if (bias) graph.SetConstInput(*link.first.bias_add, 1, std::move(*bias));
  if (link.clip) {
    // Relu6(x / s) * s = min(Relu(x), 6 s), so behind the scaled layer Relu6 becomes
    // min(Relu, 6 / s).
    std::vector<float> bounds = ClipBounds(link);
    for (size_t c = 0; c < bounds.size(); ++c) bounds[c] /= scales[c];
    SetClipBounds(graph, link, bounds);
  }
  return true;
}

// Cross-layer equalization (Nagel et al. 2019, "Data-free quantization through weight equalization
// and bias correction"): channel c between two layers is divided by s[c] in the first and
// multiplied by it in the second, s = sqrt(r1 / r2), so that both have the range sqrt(r1 r2).
//
//   W1, b1 -> Relu6 -> W2      W1 / s, b1 / s -> Relu -> Minimum(6 / s) -> W2 s
//
// Scales are powers of two, so that the graph computes the same numbers to the bit. This is one
// sweep over the links; the pass is repeated until each of them is within a factor of 2, by which
// time longer chains (conv, depthwise, conv) are equal all along. It ends: a step lowers the larger
// of two ranges and raises the other to less than that.
bool Run(Graph& graph, PassContext& context) {
  bool changed = false;
  for (Node* node : graph.TopologicalOrder()) {
    const std::optional<LayerLink> link = FindLayerLink(graph, *node, context);
    if (!link) continue;
    const std::vector<float> scales = ScalesOf(*link);
    const bool scales_any =
        std::any_of(scales.begin(), scales.end(), [](float scale) { return scale != 1; });
    if (scales_any && Scale(graph, *link, scales)) changed = true;
  }
  return changed;
}

}  // namespace

void register_equalize_cross_layers(PassRegistry& passes) {
  passes.Add({.name = "equalize_cross_layers",
              .summary = "Gives the weights on both sides of a channel the same range.",
              .run = Run});
}

}  // namespace adze
