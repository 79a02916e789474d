#include "passes/support/linear_layer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "adze/op.h"

namespace adze {
namespace {

bool IsReal(const Tensor& tensor) {
  return tensor.dtype() == DType::kFloat || tensor.dtype() == DType::kDouble ||
         tensor.dtype() == DType::kHalf || tensor.dtype() == DType::kBfloat16;
}

// Channels and their place in the weight; false if the axes of the channels are not neighbours.
bool FindChannels(const Node& linear, const Tensor& weight, LinearLayer* layer) {
  std::vector<int> axes = linear.def()->quant->channel_axes;
  // MatMul's traits describe [in, out]; transposed it is [out, in].
  if (linear.attr<bool>("transpose_b", false)) {
    for (int& axis : axes) axis = weight.shape().rank() - 1 - axis;
  }
  if (axes.empty() || axes.back() >= weight.shape().rank()) return false;
  layer->channels = layer->inner = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != axes[0] + static_cast<int>(i)) return false;
    layer->channels *= weight.shape()[axes[i]];
  }
  for (int axis = axes.back() + 1; axis < weight.shape().rank(); ++axis)
    layer->inner *= weight.shape()[axis];
  return layer->channels > 0;
}

// Whether the node may rearrange [..., channels] into [..., channels].
bool IsMover(const Node& node) {
  if (node.op() == "Reshape") return node.input(1).node->IsConst();
  return node.op() == "BatchToSpaceND" && node.input(1).node->IsConst() &&
         node.input(1).node->const_value().num_elements() <= 2;  // height and width
}

bool IsFinite(const Tensor& tensor) {
  const Tensor values = Cast(tensor, DType::kDouble);
  return std::all_of(values.data<double>().begin(), values.data<double>().end(),
                     [](double value) { return std::isfinite(value); });
}

// values[.., c, ..] * scale[c] + shift[c], with `inner` elements behind the channel axis.
Tensor ScaleChannels(const Tensor& tensor, int64_t inner, std::span<const double> scale,
                     std::span<const double> shift) {
  Tensor values = Cast(tensor, DType::kDouble).Clone();
  const std::span<double> data = values.mutable_data<double>();
  const size_t block = scale.size() * inner;
  for (size_t start = 0; start < data.size(); start += block) {
    for (size_t c = 0; c < scale.size(); ++c) {
      for (double& value : data.subspan(start + c * inner, inner)) {
        value *= scale[c];
        if (!shift.empty()) value += shift[c];
      }
    }
  }
  return Cast(values, tensor.dtype());
}

void Warn(PassContext& context, const Node& node, const std::string& reason) {
  const std::string text = "node '" + node.name() + "': " + reason;
  auto& all = context.warnings;  // a pass runs until nothing changes; say it once
  if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
}

void AddBias(Graph& graph, const LinearLayer& layer, Tensor bias, Node& tail) {
  const DType dtype = bias.dtype();
  Node& bias_const = graph.AddConst(layer.linear->name() + "/bias", std::move(bias));
  std::string name = graph.UniqueName(layer.linear->name() + "/BiasAdd");
  if (!layer.mover) {  // the BiasAdd is what the tail was, so let it be found under that name
    name = tail.name();
    graph.Rename(tail, graph.UniqueName(name + "/fused"));
  }
  Node& bias_add =
      graph.Add(name, "BiasAdd", {layer.linear->output(), bias_const.output()},
                {{"T", dtype}, {"data_format", layer.channels_first ? "NCHW" : "NHWC"}});
  bias_add.device = layer.linear->device;
  // Not for the BiasAdd, which must go on reading the layer.
  graph.ReplaceUses(layer.linear->output(), bias_add.output(), &bias_add);
  graph.ReplaceUses(tail.output(), layer.mover ? layer.mover->output() : bias_add.output());
}

}  // namespace

bool IsChannelsFirst(const Node& node) {
  return node.attr<std::string>("data_format", "NHWC").starts_with("NC");
}

std::optional<LinearLayer> FindLinearLayer(const Graph& graph, Value value,
                                           const PassContext& context) {
  LinearLayer layer;
  Node* node = value.node;
  if (value.index != 0 || graph.CountUses(value) != 1) return std::nullopt;
  auto step_back = [&](Node** slot) {
    *slot = std::exchange(node, node->input(0).node);
    return graph.CountUses((*slot)->input(0)) == 1;
  };
  if (IsMover(*node) && !step_back(&layer.mover)) return std::nullopt;
  if (node->op() == "BiasAdd" && node->input(1).node->IsConst() && !step_back(&layer.bias_add))
    return std::nullopt;
  layer.linear = node;

  const OpDef* def = node->def();
  if (!def || !def->quant || !def->quant->weight_input) return std::nullopt;
  const Node* weight = node->input(*def->quant->weight_input).node;
  if (!weight->IsConst() || !IsReal(weight->const_value())) return std::nullopt;
  if (!FindChannels(*node, weight->const_value(), &layer)) return std::nullopt;
  layer.channels_first = IsChannelsFirst(*node);
  layer.rank = weight->const_value().shape().rank();
  if (layer.bias_add) {
    const Tensor& bias = layer.bias_add->input(1).node->const_value();
    if (!IsReal(bias) || bias.num_elements() != layer.channels ||
        IsChannelsFirst(*layer.bias_add) != layer.channels_first)
      return std::nullopt;
  }
  if (layer.mover && layer.channels_first) return std::nullopt;
  if (layer.mover && layer.mover->op() == "Reshape") {
    const std::vector<int64_t> dims = ToInt64s(layer.mover->input(1).node->const_value());
    if (dims.empty() || dims.back() != layer.channels) return std::nullopt;
    layer.rank = static_cast<int>(dims.size());
  }
  const auto& skipped = context.options.skip_fusion_layers;
  if (std::find(skipped.begin(), skipped.end(), node->name()) != skipped.end()) return std::nullopt;
  return layer;
}

std::optional<std::vector<double>> ChannelValues(const LinearLayer& layer, const Tensor& constant) {
  const Shape& shape = constant.shape();
  if (!IsReal(constant) || shape.rank() > layer.rank) return std::nullopt;
  const int channel_axis = shape.rank() - (layer.channels_first ? layer.rank - 1 : 1);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != 1 && (axis != channel_axis || shape[axis] != layer.channels))
      return std::nullopt;
  }
  const Tensor values = Cast(constant, DType::kDouble);
  const std::span<const double> data = values.data<double>();
  if (data.size() == 1) return std::vector<double>(layer.channels, data[0]);
  return std::vector<double>(data.begin(), data.end());
}

bool FoldAffine(Graph& graph, const LinearLayer& layer, std::span<const double> scale,
                std::span<const double> shift, Node& tail, PassContext& context) {
  Node& linear = *layer.linear;
  const int weight_input = *linear.def()->quant->weight_input;
  const Tensor& old_weight = linear.input(weight_input).node->const_value();
  Tensor weight = ScaleChannels(old_weight, layer.inner, scale, {});
  const Tensor old_bias = layer.bias_add ? layer.bias_add->input(1).node->const_value()
                                         : Tensor::Zeros(weight.dtype(), Shape{layer.channels});
  Tensor bias = ScaleChannels(old_bias, 1, scale, shift);
  if (!IsFinite(weight) || !IsFinite(bias)) {
    Warn(context, linear, "not fused with '" + tail.name() + "': the result is NaN or infinite");
    return false;
  }
  const bool scales = std::any_of(scale.begin(), scale.end(), [](double s) { return s != 1; });
  if (scales) graph.SetConstInput(linear, weight_input, std::move(weight));
  const bool shifts = std::any_of(shift.begin(), shift.end(), [](double s) { return s != 0; });
  if (!layer.bias_add && shifts) {
    AddBias(graph, layer, std::move(bias), tail);
    return true;
  }
  if (layer.bias_add) graph.SetConstInput(*layer.bias_add, 1, std::move(bias));
  Node& last = layer.mover ? *layer.mover : layer.bias_add ? *layer.bias_add : linear;
  graph.ReplaceUses(tail.output(), last.output());
  return true;
}

}  // namespace adze
