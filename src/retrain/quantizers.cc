#include "retrain/quantizers.h"

#include <algorithm>
#include <cctype>

#include "adze/op.h"

namespace adze {
namespace {

std::vector<int> ChannelAxes(const PlannedLayer& layer) {
  const QuantTraits& traits = *layer.node->def()->quant;
  return traits.per_channel && layer.config.weight.per_channel ? traits.channel_axes
                                                               : std::vector<int>();
}

// "conv/ULQ_8/": AMCT's training scripts tell these variables from others by the ULQ.
std::string ScopeOf(const PlannedLayer& layer, std::string method, int num_bits) {
  for (char& c : method) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return layer.name() + "/" + method + "_" + std::to_string(num_bits) + "/";
}

// Where calibration has the range, or the config.
ActivationStart StartOf(const RetrainConfig& config, const QuantParams& calibrated,
                        at::Device device) {
  const int bits = calibrated.spec.num_bits;
  const double scale = calibrated.scale[0], zero_point = calibrated.zero_point[0];
  ActivationStart start{.low = (QuantMin(bits) - zero_point) * scale,
                        .high = std::max((QuantMax(bits) - zero_point) * scale, scale),
                        .num_bits = bits,
                        .device = device};
  start.fixed_min = config.fixed_min.value_or(start.low == 0);
  if (config.clip_max) start.high = *config.clip_max;
  if (config.clip_min) start.low = *config.clip_min;
  if (start.fixed_min) start.low = 0;
  return start;
}

// Scales of a weight whose channels were multiplied since: one for all becomes one a channel.
QuantParams WithGains(QuantParams params, const std::vector<float>& gains) {
  if (params.scale.size() == 1) {
    params.scale.assign(gains.size(), params.scale[0]);
    params.zero_point.assign(gains.size(), params.zero_point[0]);
  }
  Check(params.scale.size() == gains.size(), "one gain for each channel");
  for (size_t i = 0; i < gains.size(); ++i) params.scale[i] *= std::abs(gains[i]);
  return params;
}

}  // namespace

Quantizers::Quantizers(const QuantizedLayers& layers, at::Device device) {
  for (const PlannedLayer& layer : layers.plan) {
    if (!layer.skip_reason.empty()) continue;
    ErrorScope scope("layer", layer.name());
    const LayerRecord* record = layers.calibrated.Find(layer.name());
    Check(record && record->activation, "a planned layer is calibrated");
    const Node* node = layers.student.Find(layer.node->name());
    Check(node, "a planned layer is trained");
    AddActivation(layer, *node, *record->activation, device);
    if (layer.is_layer() && node->def()->quant->weight_input) {
      AddWeight(layer, *node, layers.initial, device);
    }
  }
  made_.resize(activations_.size());
}

void Quantizers::AddActivation(const PlannedLayer& layer, const Node& node,
                               const QuantParams& calibrated, at::Device device) {
  const int input = layer.data_input();
  const Value value = node.input(input);
  const LayerConfig& config = layer.config;
  auto same = std::find_if(activations_.begin(), activations_.end(), [&](const Activation& other) {
    RetrainConfig retrain = config.retrain;
    retrain.weight = other.config.retrain.weight;
    return other.value == value && other.config.activation.num_bits == config.activation.num_bits &&
           other.config.retrain == retrain;
  });
  if (same == activations_.end()) {
    const RetrainMethod& method = ActivationMethodByName(config.retrain.activation);
    activations_.push_back(
        {.value = value,
         .config = config,
         .quantizer = method.activation(StartOf(config.retrain, calibrated, device))});
    same = activations_.end() - 1;
  }
  same->layers.push_back(&layer);
  data_inputs_[{&node, input}] = same - activations_.begin();
}

void Quantizers::AddWeight(const PlannedLayer& layer, const Node& node, const Graph& initial,
                           at::Device device) {
  const int input = *node.def()->quant->weight_input;
  const Node* weight = initial.Find(node.input(input).node->name());
  Check(weight && weight->IsConst(), "a planned layer's weight");
  const RetrainMethod& method = WeightMethodByName(layer.config.retrain.weight);
  weight_inputs_[{&node, input}] = weights_.size();
  weights_.push_back({&layer, method.weight({.weight = weight->const_value(),
                                             .channel_axes = ChannelAxes(layer),
                                             .num_bits = layer.config.weight.num_bits,
                                             .device = device})});
}

void Quantizers::Begin() { std::fill(made_.begin(), made_.end(), at::Tensor()); }

bool Quantizers::Wants(const Node& node, int input) const {
  return data_inputs_.contains({&node, input}) || weight_inputs_.contains({&node, input});
}

at::Tensor Quantizers::OnInput(const Node& node, int input, Value, const at::Tensor& value) {
  if (const auto weight = weight_inputs_.find({&node, input}); weight != weight_inputs_.end()) {
    return weights_[weight->second].quantizer->Quantize(value);
  }
  if (watching_ && first_not_finite_.empty() && !value.isfinite().all().item<bool>()) {
    first_not_finite_ = node.name();
  }
  const size_t index = data_inputs_.at({&node, input});
  at::Tensor& made = made_[index];
  if (!made.defined()) made = activations_[index].quantizer->Quantize(value);
  return made;
}

std::vector<LearnedFactor> Quantizers::factors() const {
  std::vector<LearnedFactor> all;
  for (const Activation& activation : activations_) {
    const LayerConfig& config = activation.config;
    const std::string scope =
        ScopeOf(*activation.layers[0], config.retrain.activation, config.activation.num_bits);
    for (LearnedFactor& factor : activation.quantizer->factors()) {
      all.push_back({scope + factor.name, factor.value, factor.rate});
    }
  }
  for (const Weight& weight : weights_) {
    const LayerConfig& config = weight.layer->config;
    const std::string scope =
        ScopeOf(*weight.layer, config.retrain.weight, config.weight.num_bits) + "weight_";
    for (LearnedFactor& factor : weight.quantizer->factors()) {
      all.push_back({scope + factor.name, factor.value, factor.rate});
    }
  }
  return all;
}

void Quantizers::Restore() {
  for (Activation& activation : activations_) activation.quantizer->Restore();
  for (Weight& weight : weights_) weight.quantizer->Restore();
}

void Quantizers::Remember() {
  for (Activation& activation : activations_) activation.quantizer->Remember();
  for (Weight& weight : weights_) weight.quantizer->Remember();
}

Record Quantizers::MakeRecord(
    const Graph& graph, const Record& calibrated,
    const std::map<std::string, std::vector<float>>& channel_gains) const {
  Record record = calibrated;
  const auto entry_of = [&](const PlannedLayer& layer) {
    return std::find_if(record.layers.begin(), record.layers.end(),
                        [&](const auto& l) { return l.name == layer.name(); });
  };
  for (const Activation& activation : activations_) {
    const QuantParams params = activation.quantizer->params();
    for (const PlannedLayer* layer : activation.layers) entry_of(*layer)->activation = params;
  }
  for (const Weight& weight : weights_) {
    auto entry = entry_of(*weight.layer);
    ErrorScope scope("layer", entry->name);
    const Node* node = graph.Find(entry->name);
    entry->cluster.clear();
    entry->weight = weight.quantizer->ParamsOf(
        node->input(*node->def()->quant->weight_input).node->const_value());
    const auto gains = channel_gains.find(entry->name);
    if (gains != channel_gains.end() && !weight.quantizer->follows_weight()) {
      entry->weight = WithGains(*entry->weight, gains->second);
    }
  }
  return record;
}

}  // namespace adze
