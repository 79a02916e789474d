// AMCT's simplified config of retraining, AMCTRetrainConfig (reference/amct-interfaces
// section 5.2).
#include <google/protobuf/message.h>

#include <algorithm>

#include "adze/error.h"
#include "io/config_rules.h"
#include "io/text_proto.h"
#include "proto/config.pb.h"

namespace adze {
namespace {

constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

int BitsOf(proto::RetrainType::Type type) { return type == proto::RetrainType::INT4 ? 4 : 8; }

// Name of the field of the message's only oneof that is set, up to the last '_'; "" if none is.
std::string MethodOf(const google::protobuf::Message& message) {
  const auto* oneof = message.GetDescriptor()->oneof_decl(0);
  const auto* field = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  return field ? field->name().substr(0, field->name().rfind('_')) : "";
}

// The message of that field; the default one if none is set.
template <typename Settings>
const Settings& SettingsIn(const google::protobuf::Message& message) {
  const auto* oneof = message.GetDescriptor()->oneof_decl(0);
  const auto* field = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (!field) return Settings::default_instance();
  return dynamic_cast<const Settings&>(message.GetReflection()->GetMessage(message, field));
}

void ReadData(const proto::RetrainDataQuantConfig& source, LayerConfig* config) {
  if (const std::string method = MethodOf(source); !method.empty()) {
    config->retrain.activation = method == "arq" ? "ulq" : method;
  }
  const auto& settings = SettingsIn<proto::DataRetrain>(source);
  config->activation.num_bits = BitsOf(settings.dst_type());
  const proto::ClipMaxMin& clip = settings.clip_max_min();
  if (clip.has_clip_max()) config->retrain.clip_max = clip.clip_max();
  if (clip.has_clip_min()) config->retrain.clip_min = clip.clip_min();
  if (settings.has_clip_max_min()) {
    Require(clip.has_clip_max() && clip.has_clip_min(), kBad,
            "clip_max_min needs clip_max and clip_min");
  }
  if (settings.has_fixed_min()) config->retrain.fixed_min = settings.fixed_min();
  CheckRetrain(config->retrain);
}

void ReadWeight(const proto::RetrainWeightQuantConfig& source, LayerConfig* config) {
  if (const std::string method = MethodOf(source); !method.empty()) config->retrain.weight = method;
  const auto& settings = SettingsIn<proto::WeightRetrain>(source);
  config->weight.num_bits = BitsOf(settings.dst_type());
  if (settings.has_channel_wise()) config->weight.per_channel = settings.channel_wise();
}

void RefusePruning(bool has) {
  Require(!has, ErrorCode::kUnsupported, "prune_config: pruning is not supported; leave it out");
}

class Reader {
 public:
  Reader(const proto::AMCTRetrainConfig& file, const std::vector<LayerInfo>& layers)
      : file_(file), layers_(layers) {}

  Config Read() const {
    Config config{.for_retraining = true};
    if (file_.has_batch_num()) CheckBatchNum(file_.batch_num());
    config.batch_num = file_.has_batch_num() ? static_cast<int>(file_.batch_num()) : 1;
    Require(file_.fakequant_precision_mode() == proto::DEFAULT, ErrorCode::kUnsupported,
            "fakequant_precision_mode FORCE_FP16_QUANT is not supported");
    RefusePruning(file_.has_prune_config());
    CheckOverrides();
    for (const auto* names : {&file_.skip_layers(), &file_.quant_skip_layers()}) {
      for (const std::string& name : *names) CheckLayerName("skip_layers", name, layers_);
    }
    for (const auto* types : {&file_.skip_layer_types(), &file_.quant_skip_types()}) {
      for (const std::string& type : *types) CheckLayerType("skip_layer_types", type, layers_);
    }
    for (const LayerInfo& layer : layers_) {
      ErrorScope scope("layer", layer.name);
      config.layers[layer.name] = ReadLayer(layer);
    }
    CheckAnyEnabled(config);
    return config;
  }

 private:
  void CheckOverrides() const {
    std::vector<std::string> names, types;
    for (const proto::RetrainOverrideLayer& entry : file_.override_layer_configs()) {
      Require(entry.has_layer_name(), kBad, "an entry of override_layer_configs needs layer_name");
      CheckLayerName("override_layer_configs", entry.layer_name(), layers_);
      names.push_back(entry.layer_name());
      RefusePruning(entry.has_prune_config());
    }
    CheckUnique("override_layer_configs", names);
    for (const proto::RetrainOverrideType& entry : file_.override_layer_types()) {
      Require(entry.has_layer_type(), kBad, "an entry of override_layer_types needs layer_type");
      CheckLayerType("override_layer_types", entry.layer_type(), layers_);
      types.push_back(entry.layer_type());
      RefusePruning(entry.has_prune_config());
    }
    CheckUnique("override_layer_types", types);
  }

  bool IsSkipped(const LayerInfo& layer) const {
    const auto has = [](const auto& list, const std::string& name) {
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    return has(file_.skip_layers(), layer.name) || has(file_.quant_skip_layers(), layer.name) ||
           has(file_.skip_layer_types(), layer.op) || has(file_.quant_skip_types(), layer.op);
  }

  // Whose word counts: the layer's own, then its type's, then that for all. An override switches
  // on what a list skips.
  LayerConfig ReadLayer(const LayerInfo& layer) const {
    const proto::RetrainDataQuantConfig* data = nullptr;
    const proto::RetrainWeightQuantConfig* weight = nullptr;
    const auto take = [&](const auto& entry) {
      if (!data && entry.has_retrain_data_quant_config()) data = &entry.retrain_data_quant_config();
      if (!weight && entry.has_retrain_weight_quant_config()) {
        weight = &entry.retrain_weight_quant_config();
      }
    };
    for (const auto& entry : file_.override_layer_configs()) {
      if (entry.layer_name() == layer.name) take(entry);
    }
    for (const auto& entry : file_.override_layer_types()) {
      if (entry.layer_type() == layer.op) take(entry);
    }
    LayerConfig config{.quantize = data || weight || !IsSkipped(layer),
                       .weight = {.per_channel = layer.per_channel}};
    ReadData(data ? *data : file_.retrain_data_quant_config(), &config);
    ReadWeight(weight ? *weight : file_.retrain_weight_quant_config(), &config);
    // What is said for all is made to fit.
    if (!weight) config.weight.per_channel &= layer.per_channel;
    if (!layer.has_weight && !data) config.activation.num_bits = 8;
    if (!layer.has_weight && !weight) config.weight.num_bits = 8;
    CheckWeight(config.weight, layer);
    CheckRetrainBits(config, layer);
    return config;
  }

  const proto::AMCTRetrainConfig& file_;
  const std::vector<LayerInfo>& layers_;
};

}  // namespace

bool IsSimplifiedRetrainConfig(std::string_view text) {
  // Fields that calibration configs do not have, outside of comments.
  std::string code;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    code += std::string(line.substr(0, line.find('#'))) + '\n';
    at = end + 1;
  }
  for (const char* field : {"retrain_data_quant_config", "retrain_weight_quant_config",
                            "quant_skip_", "prune_config", "regular_prune_skip_"}) {
    if (code.find(field) != std::string::npos) return true;
  }
  return false;
}

Config ParseSimplifiedRetrainConfig(std::string_view text, const std::vector<LayerInfo>& layers) {
  proto::AMCTRetrainConfig file;
  ParseTextProto(text, "a config of retraining", &file);
  return Reader(file, layers).Read();
}

}  // namespace adze
