#include "passes/support/layer_link.h"

#include "adze/op.h"

namespace adze {
namespace {

// A float32 weight of its own, in the layout that the op's traits describe.
bool HasOwnWeight(const Graph& graph, const Node& node) {
  const OpDef* def = node.def();
  if (!def || !def->quant || !def->quant->weight_input) return false;
  if (def->quant->refuse && def->quant->refuse(node)) return false;
  const Value weight = node.input(*def->quant->weight_input);
  return weight.node->IsConst() && weight.node->const_value().dtype() == DType::kFloat &&
         graph.CountUses(weight) == 1;
}

// Minimum(x, one bound per channel) as SetClipBounds makes it.
bool IsChannelClip(const Node& node, const LinearLayer& layer) {
  return node.op() == "Minimum" && node.input(1).node->IsConst() &&
         node.input(1).node->const_value().dtype() == DType::kFloat &&
         node.input(1).node->const_value().num_elements() == layer.channels &&
         ChannelValues(layer, node.input(1).node->const_value());
}

}  // namespace

std::optional<LayerLink> FindLayerLink(const Graph& graph, Node& second,
                                       const PassContext& context) {
  if (!HasOwnWeight(graph, second)) return std::nullopt;
  LayerLink link{.second = &second};
  Value value = second.input(second.def()->quant->data_input);
  for (;; value = value.node->input(0)) {
    Node& node = *value.node;
    if (value.index != 0 || graph.CountUses(value) != 1) return std::nullopt;
    const bool is_clip = node.op() == "Relu6" || node.op() == "Minimum";
    if (is_clip && !link.clip) {
      link.clip = &node;
    } else if (!node.def() || !node.def()->is_homogeneous) {
      break;
    }
  }
  const std::optional<LinearLayer> first = FindLinearLayer(graph, value, context);
  if (!first || first->mover || !HasOwnWeight(graph, *first->linear)) return std::nullopt;
  if (first->bias_add) {
    const Value bias = first->bias_add->input(1);
    if (graph.CountUses(bias) != 1 || bias.node->const_value().dtype() != DType::kFloat)
      return std::nullopt;
  }
  if (link.clip && link.clip->op() == "Minimum" && !IsChannelClip(*link.clip, *first))
    return std::nullopt;
  if (first->channels_first != IsChannelsFirst(second)) return std::nullopt;
  link.first = *first;
  return link;
}

std::vector<float> ClipBounds(const LayerLink& link) {
  if (link.clip->op() == "Relu6") return std::vector<float>(link.first.channels, 6);
  const auto bounds = link.clip->input(1).node->const_value().data<float>();
  return {bounds.begin(), bounds.end()};
}

void SetClipBounds(Graph& graph, const LayerLink& link, std::span<const float> bounds) {
  Node& clip = *link.clip;
  Tensor tensor = Tensor::Vector(std::vector<float>(bounds.begin(), bounds.end()));
  if (clip.op() == "Minimum") {
    graph.SetConstInput(clip, 1, tensor.Reshaped(clip.input(1).node->const_value().shape()));
    return;
  }
  if (link.first.channels_first) tensor = tensor.Reshaped({tensor.num_elements(), 1, 1});
  const std::string name = clip.name();
  Node& relu =
      graph.Add(graph.UniqueName(name + "/Relu"), "Relu", {clip.input(0)}, {{"T", DType::kFloat}});
  Node& bound = graph.AddConst(name + "/bound", std::move(tensor));
  Node& minimum = graph.Add(graph.UniqueName(name + "/Minimum"), "Minimum",
                            {relu.output(), bound.output()}, {{"T", DType::kFloat}});
  relu.device = minimum.device = clip.device;
  graph.ReplaceUses(clip.output(), minimum.output());
  graph.Erase(clip);
}

}  // namespace adze
