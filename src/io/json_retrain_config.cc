// AMCT's JSON config of retraining (reference/amct-interfaces section 6.2): reading and writing.
#include <algorithm>

#include "adze/error.h"
#include "io/config_rules.h"
#include "io/json_fields.h"

namespace adze {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

constexpr const char* kEnable = "retrain_enable";
constexpr const char* kData = "retrain_data_config";
constexpr const char* kWeight = "retrain_weight_config";
constexpr const char* kDataSuffix = "_quantize";
constexpr const char* kWeightSuffix = "_retrain";

// "ulq" of "ulq_quantize".
std::string MethodOf(const std::string& algo, const std::string& suffix) {
  Require(algo.ends_with(suffix) && algo.size() > suffix.size(), kBad, "algo is '", algo,
          "', but must end in '", suffix, "'");
  return algo.substr(0, algo.size() - suffix.size());
}

int BitsOf(JsonFields& fields) {
  const std::string type = fields.String("dst_type", "INT8");
  Require(type == "INT8" || type == "INT4", kBad, "dst_type is '", type,
          "', but must be INT8 or INT4");
  return type == "INT8" ? 8 : 4;
}

void ReadData(const json& object, LayerConfig* config) {
  JsonFields fields(object, kData);
  const std::string algo = fields.String("algo", "ulq_quantize");
  // AMCT's documents have it once for data, too.
  config->retrain.activation = algo == "arq_retrain" ? "ulq" : MethodOf(algo, kDataSuffix);
  config->activation.num_bits = BitsOf(fields);
  if (fields.Has("clip_max")) config->retrain.clip_max = fields.Number("clip_max", 0);
  if (fields.Has("clip_min")) config->retrain.clip_min = fields.Number("clip_min", 0);
  if (fields.Has("fixed_min")) config->retrain.fixed_min = fields.Bool("fixed_min", false);
  fields.CheckNoOthers();
  CheckRetrain(config->retrain);
}

void ReadWeight(const json& object, const LayerInfo& layer, LayerConfig* config) {
  JsonFields fields(object, kWeight);
  config->retrain.weight = MethodOf(fields.String("algo", "arq_retrain"), kWeightSuffix);
  config->weight.per_channel = fields.Bool("channel_wise", layer.per_channel);
  config->weight.num_bits = BitsOf(fields);
  fields.CheckNoOthers();
  CheckWeight(config->weight, layer);
}

LayerConfig ReadLayer(const json& object, const LayerInfo& layer) {
  JsonFields fields(object, "the layer");
  for (const char* key : {"regular_prune_enable", "regular_prune_config"}) {
    Require(!fields.Has(key), ErrorCode::kUnsupported, key,
            ": pruning is not supported; leave it out");
  }
  LayerConfig config{.quantize = fields.Bool(kEnable, true)};
  const json empty = json::object();
  const json* data = fields.Object(kData);
  ReadData(data ? *data : empty, &config);
  const json* weight = fields.Object(kWeight);
  ReadWeight(weight ? *weight : empty, layer, &config);
  fields.CheckNoOthers();
  CheckRetrainBits(config, layer);
  return config;
}

const char* TypeName(int num_bits) { return num_bits == 4 ? "INT4" : "INT8"; }

}  // namespace

bool IsJsonRetrainConfig(const json& root) {
  return root.is_object() && std::any_of(root.begin(), root.end(), [](const json& layer) {
           return layer.is_object() &&
                  (layer.contains(kEnable) || layer.contains(kData) || layer.contains(kWeight));
         });
}

Config ReadJsonRetrainConfig(const json& root, const std::vector<LayerInfo>& layers) {
  JsonFields fields(root, "the config");
  Config config{.for_retraining = true};
  for (const char* key : {"version", "batch_num"}) {
    Require(fields.Has(key), kBad, key, " is missing; a config of retraining needs it");
  }
  const int version = fields.Integer("version", 1);
  Require(version == 1, kBad, "version is ", version, ", but must be 1");
  config.batch_num = fields.Integer("batch_num", 1);
  CheckBatchNum(config.batch_num);
  for (const auto& [key, value] : root.items()) {
    if (key == "version" || key == "batch_num") continue;
    const LayerInfo* layer = FindLayer(layers, key);
    Require(layer, kBad, "'", key,
            "' is neither a parameter nor a layer of the graph that can be quantized");
    ErrorScope scope("layer", key);
    config.layers[key] = ReadLayer(value, *layer);
  }
  CheckAnyEnabled(config);
  return config;
}

std::string SerializeRetrainConfig(const Config& config, const std::vector<LayerInfo>& layers) {
  ordered_json root;
  root["version"] = 1;
  root["batch_num"] = config.batch_num;
  std::map<std::string, LayerConfig> all = config.layers;
  for (const LayerInfo& layer : layers) {
    all.try_emplace(layer.name,
                    LayerConfig{.quantize = false, .weight = {.per_channel = layer.per_channel}});
  }
  for (const auto& [name, layer] : all) {
    const RetrainConfig& retrain = layer.retrain;
    ordered_json data = {{"algo", retrain.activation + kDataSuffix},
                         {"dst_type", TypeName(layer.activation.num_bits)}};
    if (retrain.clip_max) data["clip_max"] = *retrain.clip_max;
    if (retrain.clip_min) data["clip_min"] = *retrain.clip_min;
    if (retrain.fixed_min) data["fixed_min"] = *retrain.fixed_min;
    root[name] = {{kEnable, layer.quantize},
                  {kData, data},
                  {kWeight,
                   {{"algo", retrain.weight + kWeightSuffix},
                    {"channel_wise", layer.weight.per_channel},
                    {"dst_type", TypeName(layer.weight.num_bits)}}}};
  }
  return DumpAsAmct(root);
}

}  // namespace adze
