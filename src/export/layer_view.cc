#include "export/layer_view.h"

#include <algorithm>

#include "adze/error.h"

namespace adze {
namespace {

Node* FindBiasAdd(const Graph& graph, Node& layer) {
  const std::vector<Use> uses = graph.Uses(layer);
  if (uses.size() != 1 || graph.IsOutput(layer.output())) return nullptr;
  Node* reader = uses[0].user;
  const bool is_bias =
      reader->op() == "BiasAdd" && uses[0].input == 0 && reader->input(1).node->IsConst();
  return is_bias ? reader : nullptr;
}

int64_t CountChannels(const Tensor& weight, const QuantTraits& traits) {
  int64_t channels = 1;
  for (int axis : traits.channel_axes) channels *= weight.shape()[axis];
  return channels;
}

void CheckFits(const LayerView& view) {
  ErrorScope scope("layer", view.layer.name());
  const std::optional<std::string> refusal =
      view.traits.refuse ? view.traits.refuse(view.layer) : std::nullopt;
  Require(!refusal, ErrorCode::kInvalidArgument, "the record quantizes it, but ",
          refusal.value_or(""));
  const QuantParams& activation = *view.record.activation;
  Require(activation.scale.size() == 1 && activation.zero_point.size() == 1,
          ErrorCode::kInvalidArgument, "the record must hold one scale_d and one offset_d");
  if (!view.traits.weight_input) {
    Require(!view.record.weight, ErrorCode::kInvalidArgument, view.layer.op(),
            " has no weight, the record must not hold scale_w");
    return;
  }
  Require(view.record.weight.has_value(), ErrorCode::kInvalidArgument,
          "the record holds no scale_w for a ", view.layer.op());
  const Node* weight = view.layer.input(*view.traits.weight_input).node;
  Require(weight->IsConst(), ErrorCode::kInvalidArgument, "its weight '", weight->name(),
          "' is not constant");
  const auto given = static_cast<int64_t>(view.record.weight->scale.size());
  const int64_t channels =
      view.traits.per_channel ? CountChannels(weight->const_value(), view.traits) : 1;
  Require(given == 1 || given == channels, ErrorCode::kInvalidArgument, "the record holds ", given,
          " scale_w, needed is 1", channels > 1 ? " or " + std::to_string(channels) : "");
}

}  // namespace

std::string LayerView::scope() const {
  const size_t slash = layer.name().rfind('/');
  return slash == std::string::npos ? layer.name() : layer.name().substr(0, slash);
}

std::optional<QuantizedWeight> LayerView::QuantizedWeights() const {
  if (!traits.weight_input) return std::nullopt;
  return QuantizeWeight(layer.input(*traits.weight_input).node->const_value(), *record.weight,
                        traits.channel_axes);
}

std::vector<float> LayerView::scale_w() const {
  return record.weight ? record.weight->scale : std::vector<float>{1.0f};
}

std::vector<int32_t> LayerView::QuantizedBias() const {
  ErrorScope scope("layer", layer.name());
  return QuantizeBias(bias_add->input(1).node->const_value().data<float>(), scale_w(), scale_d());
}

std::vector<LayerView> QuantizedLayers(Graph& graph, const Record& record) {
  std::vector<LayerView> layers;
  for (const LayerRecord& layer : record.layers) {
    if (!layer.activation) continue;
    Node* node = graph.Find(layer.name);
    Require(node != nullptr, ErrorCode::kNotFound, "the record has a layer '", layer.name,
            "' that is not in the graph");
    Require(node->def() && node->def()->quant, ErrorCode::kInvalidArgument, "layer '", layer.name,
            "' is a ", node->op(), ", which cannot be quantized");
    LayerView view{*node, *node->def()->quant, layer};
    CheckFits(view);
    if (view.traits.weight_input) view.bias_add = FindBiasAdd(graph, *node);
    layers.push_back(view);
  }
  return layers;
}

void RestoreOutputNames(Graph& graph) {
  std::vector<GraphOutput> outputs = graph.outputs();
  for (GraphOutput& output : outputs) {
    std::string name = output.name;
    if (name.ends_with(":0")) name.resize(name.size() - 2);
    if (ToString(output.value) == name || name.find(':') != std::string::npos) continue;
    if (Node* other = graph.Find(name)) graph.Rename(*other, graph.UniqueName(name + "/inner"));
    const DType dtype = output.value.node->attr<DType>("T", DType::kFloat);
    output.value = graph.Add(name, "Identity", {output.value}, {{"T", dtype}}).output();
  }
  graph.SetOutputs(std::move(outputs));
}

}  // namespace adze
