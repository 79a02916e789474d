// AMCT's JSON config: writing.
#include <nlohmann/json.hpp>

#include "adze/config.h"
#include "adze/registry.h"
#include "io/config_rules.h"
#include "io/json_fields.h"

namespace adze {
namespace {

using Json = nlohmann::ordered_json;

// AMCT writes the pair X_start and X_end as X:[start,end].
Json ToJson(const ActivationConfig& config) {
  Json json;
  json["num_bits"] = config.num_bits;
  const CalibratorSettings settings = SettingsOf(config);
  for (const CalibratorParameter& parameter : CalibratorByName(config.algorithm).parameters) {
    const double value = settings[parameter.name];
    const Json number = parameter.is_whole ? Json(static_cast<int64_t>(value)) : Json(value);
    if (const std::string pair = PairOf(parameter.name); !pair.empty()) {
      json[pair].push_back(number);
    } else {
      json[parameter.name] = number;
    }
  }
  json["act_algo"] = config.algorithm;
  json["asymmetric"] = config.asymmetric;
  return json;
}

Json ToJson(const WeightConfig& config) {
  Json json;
  json["num_bits"] = config.num_bits;
  json["wts_algo"] = WtsAlgo(config);
  json["channel_wise"] = config.per_channel;
  const WeightQuantizerDef* def = Builtin<WeightQuantizerRegistry>().Find(config.algorithm);
  if (def && def->has_centres) {
    json["num_steps"] = config.num_steps;
    json["num_of_iteration"] = config.num_iterations;
  }
  // Not AMCT's: absent where they say what it does.
  if (config.rounding != "nearest") json["rounding"] = config.rounding;
  if (config.bias_correction) json["bias_correction"] = true;
  return json;
}

}  // namespace

std::string SerializeConfig(const Config& config, const std::vector<LayerInfo>& layers) {
  Json json;
  json["version"] = 1;
  json["batch_num"] = config.batch_num;
  json["activation_offset"] = config.activation_offset;
  json["joint_quant"] = config.joint_quant;
  json["do_fusion"] = config.do_fusion;
  json["skip_fusion_layers"] = config.skip_fusion_layers;
  for (const TensorConfig& tensor : config.tensors) {
    json["tensor_quantize"].push_back({{"layer_name", tensor.node},
                                       {"input_index", tensor.input},
                                       {"activation_quant_params", ToJson(tensor.activation)}});
  }
  if (config.equalize) json[kEqualize] = true;  // AMCT does not know these
  if (config.absorb_biases) json[kAbsorbBiases] = true;
  std::map<std::string, LayerConfig> all = config.layers;
  for (const LayerInfo& layer : layers) {
    if (config.layers.count(layer.name)) continue;
    all[layer.name] = {.quantize = false, .weight = {.per_channel = layer.per_channel}};
  }
  for (const auto& [name, layer] : all) {
    json[name] = {{"quant_enable", layer.quantize},
                  {"activation_quant_params", ToJson(layer.activation)},
                  {"weight_quant_params", ToJson(layer.weight)}};
    if (layer.migration_strength) json[name]["dmq_balancer_param"] = *layer.migration_strength;
  }
  return DumpAsAmct(json);
}

}  // namespace adze
