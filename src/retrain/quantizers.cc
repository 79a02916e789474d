#include "retrain/quantizers.h"

#include <algorithm>

#include "adze/op.h"
#include "retrain/fake_quant.h"

namespace adze {
namespace {

at::Tensor VariableOf(double value, at::Device device) {
  at::Tensor variable = at::full({1}, value, at::TensorOptions(at::kFloat).device(device));
  variable.set_requires_grad(true);
  return variable;
}

std::vector<int> ChannelAxes(const PlannedLayer& layer) {
  const QuantTraits& traits = *layer.node->def()->quant;
  return traits.per_channel && layer.config.weight.per_channel ? traits.channel_axes
                                                               : std::vector<int>();
}

}  // namespace

Quantizers::Quantizers(const std::vector<PlannedLayer>& plan, const Record& calibrated,
                       at::Device device) {
  for (const PlannedLayer& layer : plan) {
    if (!layer.skip_reason.empty()) continue;
    ErrorScope scope("layer", layer.name());
    const LayerRecord* record = calibrated.Find(layer.name());
    Check(record && record->activation, "a planned layer is calibrated");
    const QuantParams& params = *record->activation;
    const int bits = params.spec.num_bits;
    const Value value = layer.node->input(layer.data_input());
    const double scale = params.scale[0], zero_point = params.zero_point[0];
    auto same = std::find_if(activations_.begin(), activations_.end(), [&](const auto& other) {
      return other.value == value && other.num_bits == bits;
    });
    if (same == activations_.end()) {
      const double low = (QuantMin(bits) - zero_point) * scale;
      const double high = std::max((QuantMax(bits) - zero_point) * scale, scale);
      activations_.push_back({.value = value,
                              .num_bits = bits,
                              .fixed_min = low == 0,
                              .clip_min = VariableOf(low, device),
                              .clip_max = VariableOf(high, device),
                              .last_min = low,
                              .last_max = high,
                              .name = layer.name()});
      same = activations_.end() - 1;
    }
    same->layers.push_back(&layer);
    data_inputs_[{layer.node, layer.data_input()}] = same - activations_.begin();
    if (!layer.is_layer()) continue;
    const QuantTraits& traits = *layer.node->def()->quant;
    if (traits.weight_input) {
      weight_inputs_[{layer.node, *traits.weight_input}] = {ChannelAxes(layer),
                                                            layer.config.weight.num_bits};
    }
  }
  made_.resize(activations_.size());
}

void Quantizers::Begin() { std::fill(made_.begin(), made_.end(), at::Tensor()); }

bool Quantizers::Wants(const Node& node, int input) const {
  return data_inputs_.contains({&node, input}) || weight_inputs_.contains({&node, input});
}

at::Tensor Quantizers::OnInput(const Node& node, int input, Value, const at::Tensor& value) {
  if (const auto weight = weight_inputs_.find({&node, input}); weight != weight_inputs_.end()) {
    return ArqFakeQuant(value, weight->second.channel_axes, weight->second.num_bits);
  }
  if (watching_ && first_not_finite_.empty() && !value.isfinite().all().item<bool>()) {
    first_not_finite_ = node.name();
  }
  const size_t index = data_inputs_.at({&node, input});
  at::Tensor& made = made_[index];
  if (!made.defined()) {
    const ActivationQuantizer& quantizer = activations_[index];
    made = UlqFakeQuant(value, quantizer.clip_min, quantizer.clip_max, quantizer.num_bits);
  }
  return made;
}

void Quantizers::Restore() {
  const at::NoGradGuard constant;
  for (ActivationQuantizer& quantizer : activations_) {
    auto low = quantizer.fixed_min ? 0 : quantizer.clip_min.item<double>();
    auto high = quantizer.clip_max.item<double>();
    if (high == low) {
      low = quantizer.last_min;
      high = quantizer.last_max;
    }
    if (high < 0) high = quantizer.last_max;
    if (low > 0) low = quantizer.last_min;
    quantizer.clip_min.fill_(low);
    quantizer.clip_max.fill_(high);
    quantizer.last_min = low;
    quantizer.last_max = high;
  }
}

Record Quantizers::MakeRecord(const Graph& graph, const Record& calibrated) const {
  Record record = calibrated;
  for (const ActivationQuantizer& quantizer : activations_) {
    const QuantParams params =
        ParamsFromRange(quantizer.clip_min.item<float>(), quantizer.clip_max.item<float>(),
                        {.num_bits = quantizer.num_bits});
    for (const PlannedLayer* layer : quantizer.layers) {
      auto entry = std::find_if(record.layers.begin(), record.layers.end(),
                                [&](const auto& l) { return l.name == layer->name(); });
      entry->activation = params;
      entry->cluster.clear();
      if (!layer->is_layer()) continue;
      const QuantTraits& traits = *layer->node->def()->quant;
      if (!traits.weight_input) continue;
      ErrorScope scope("layer", entry->name);
      const Node* node = graph.Find(entry->name);
      entry->weight = WeightParamsArq(node->input(*traits.weight_input).node->const_value(),
                                      ChannelAxes(*layer), layer->config.weight.num_bits);
    }
  }
  return record;
}

}  // namespace adze
