#include <algorithm>
#include <limits>
#include <optional>

#include "adze/calibrate.h"
#include "adze/error.h"
#include "adze/op.h"
#include "moments/for_samples.h"
#include "moments/layer_moments.h"
#include "moments/row_product.h"
#include "passes/support/layer_link.h"

namespace adze {
namespace {

// What is added to every channel reaches each output position of the layer through all taps: none
// hangs over the edge.
bool TakesConstants(const Node& node, const LayerForm& form) {
  const auto padding = node.attr<std::string>("padding", "VALID");
  return !node.def()->quant->positions &&
         (padding == "VALID" || (padding == "SAME" && form.taps == 1));
}

struct Absorbing {
  LayerLink link;
  Node* second_bias;
  LayerForm form;            // of the second layer
  std::vector<float> least;  // of each channel of what the first layer gives
};

std::optional<Absorbing> FindAbsorbing(const Graph& graph, Node& second,
                                       const PassContext& context) {
  std::optional<LayerLink> link = FindLayerLink(graph, second, context);
  if (!link || !link->first.bias_add || link->first.channels_first) return std::nullopt;
  const QuantTraits& traits = *second.def()->quant;
  Node* bias_add = ConstBiasAddBehind(graph, second);
  if (!traits.unfold || !bias_add || graph.CountUses(bias_add->input(1)) != 1) return std::nullopt;
  const LayerForm form = FormOf(second, link->first.channels);
  if (!TakesConstants(second, form)) return std::nullopt;
  return Absorbing{
      *link, bias_add, form,
      std::vector<float>(link->first.channels, std::numeric_limits<float>::infinity())};
}

void LowerTo(const Tensor& tensor, std::vector<float>& least) {
  const std::span<const float> values = tensor.data<float>();
  for (size_t at = 0; at < values.size(); at += least.size()) {
    for (size_t c = 0; c < least.size(); ++c) least[c] = std::min(least[c], values[at + c]);
  }
}

//   W1, b1 -> Relu6 -> W2, b2    becomes    W1, b1 - c -> Relu -> Minimum(6 - c) -> W2, b2 + W2 c
bool Absorb(Graph& graph, const Absorbing& absorbing) {
  const LayerLink& link = absorbing.link;
  std::vector<float> bounds;
  if (link.clip) bounds = ClipBounds(link);
  std::vector<float> constants = absorbing.least;
  bool any = false;
  for (size_t c = 0; c < constants.size(); ++c) {
    constants[c] = std::max(0.0f, constants[c]);
    if (link.clip) constants[c] = std::min(constants[c], bounds[c]);
    any |= constants[c] > 0;
  }
  if (!any) return false;
  std::vector<float> row;
  for (int64_t tap = 0; tap < absorbing.form.taps; ++tap) {
    row.insert(row.end(), constants.begin(), constants.end());
  }
  const RowProduct product(
      absorbing.form,
      link.second->input(*link.second->def()->quant->weight_input).node->const_value());
  std::vector<float> sums(product.outputs());
  product.Multiply(row, sums);
  const auto shift = [&](Node& bias_add, const std::vector<float>& by, float sign) {
    Tensor bias = bias_add.input(1).node->const_value().Clone();
    const std::span<float> values = bias.mutable_data<float>();
    for (size_t c = 0; c < values.size(); ++c) values[c] += sign * by[c];
    graph.SetConstInput(bias_add, 1, std::move(bias));
  };
  shift(*link.first.bias_add, constants, -1);
  shift(*absorbing.second_bias, sums, 1);
  if (link.clip) {
    for (size_t c = 0; c < bounds.size(); ++c) bounds[c] -= constants[c];
    SetClipBounds(graph, link, bounds);
  }
  return true;
}

}  // namespace

int64_t AbsorbBiases(Graph& prepared, const std::vector<std::string>& skip_fusion_layers,
                     const Dataset& data, int64_t samples) {
  const PassOptions options{skip_fusion_layers};
  const PassContext context{options, {}};
  std::vector<Absorbing> found;
  std::vector<Value> values;
  for (Node* node : prepared.TopologicalOrder()) {
    std::optional<Absorbing> absorbing = FindAbsorbing(prepared, *node, context);
    if (!absorbing) continue;
    values.push_back(absorbing->link.first.bias_add->output());
    found.push_back(std::move(*absorbing));
  }
  if (found.empty()) return 0;
  ForSamples<std::vector<Tensor>>(
      {{&prepared, values}}, data, std::min(samples, data.size()),
      [](int64_t, const SampleRunner::Values& of_graphs) { return of_graphs[0]; },
      [&](int64_t, std::vector<Tensor>& outputs) {
        for (size_t i = 0; i < found.size(); ++i) LowerTo(outputs[i], found[i].least);
      });
  int64_t absorbed = 0;
  for (const Absorbing& absorbing : found) absorbed += Absorb(prepared, absorbing);
  return absorbed;
}

}  // namespace adze
