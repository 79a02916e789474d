// AMCT's JSON config: reading (reference/amct-interfaces section 6.1).
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "adze/error.h"
#include "adze/registry.h"
#include "io/config_rules.h"
#include "io/json_fields.h"

namespace adze {
namespace {

using nlohmann::json;
constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

std::vector<std::string> CalibratorsWith(const std::string& field) {
  std::vector<std::string> names;
  for (const auto& [name, def] : Builtin<CalibratorRegistry>().all()) {
    const bool has = std::any_of(def.parameters.begin(), def.parameters.end(), [&](const auto& p) {
      return p.name == field || PairOf(p.name) == field;
    });
    if (has) names.push_back(name);
  }
  return names;
}

// Names the calibrators that a field of another one belongs to.
void RefuseFieldsOfOthers(const json& object, const std::string& calibrator) {
  for (const auto& [key, value] : object.items()) {
    const std::vector<std::string> owners = CalibratorsWith(key);
    if (owners.empty() || std::find(owners.begin(), owners.end(), calibrator) != owners.end()) {
      continue;
    }
    std::string names;
    for (const std::string& owner : owners) names += (names.empty() ? "" : ", ") + owner;
    throw Error(kBad, "act_algo is '" + calibrator + "', but " + key + " is a field of " + names);
  }
}

// A calibrator's parameter, as a field or half of a pair.
std::optional<double> ReadParameter(const CalibratorParameter& parameter, JsonFields& fields) {
  const std::string& name = parameter.name;
  const std::string pair = PairOf(name);
  if (pair.empty()) {
    if (!fields.Has(name)) return std::nullopt;
    return parameter.is_whole ? fields.Integer(name, 0) : fields.Number(name, 0);
  }
  const json* list = fields.Array(pair);
  if (!list) return std::nullopt;
  Require(list->size() == 2 && (*list)[0].is_number() && (*list)[1].is_number(), kBad, pair,
          " must be a list of two numbers");
  return (*list)[name.ends_with("_start") ? 0 : 1].get<double>();
}

ActivationConfig ReadActivation(const json& object, bool asymmetric) {
  JsonFields fields(object, "activation_quant_params");
  ActivationConfig config{.asymmetric = asymmetric};
  config.algorithm = fields.String("act_algo", config.algorithm);
  config.num_bits = fields.Integer("num_bits", config.num_bits);
  config.asymmetric = fields.Bool("asymmetric", asymmetric);
  const CalibratorDef& calibrator = CalibratorByName(config.algorithm);
  RefuseFieldsOfOthers(object, config.algorithm);
  for (const CalibratorParameter& parameter : calibrator.parameters) {
    if (const auto value = ReadParameter(parameter, fields)) {
      config.parameters[parameter.name] = *value;
    }
  }
  fields.CheckNoOthers();
  CheckActivation(config);
  return config;
}

WeightConfig ReadWeight(const json& object, const LayerInfo& layer) {
  JsonFields fields(object, "weight_quant_params");
  WeightConfig config{.per_channel = layer.per_channel};
  config.algorithm = WeightAlgorithm(fields.String("wts_algo", WtsAlgo(config)));
  const bool has_centres = Builtin<WeightQuantizerRegistry>().Find(config.algorithm)->has_centres;
  for (const char* key : {"num_steps", "num_of_iteration"}) {
    Require(has_centres || !fields.Has(key), kBad, key, " does not belong to wts_algo ",
            WtsAlgo(config));
  }
  config.num_steps = fields.Integer("num_steps", config.num_steps);
  config.num_iterations = fields.Integer("num_of_iteration", config.num_iterations);
  config.num_bits = fields.Integer("num_bits", config.num_bits);
  config.per_channel = fields.Bool("channel_wise", config.per_channel);
  config.rounding = fields.String("rounding", config.rounding);
  config.bias_correction = fields.Bool("bias_correction", config.bias_correction);
  fields.CheckNoOthers();
  CheckWeight(config, layer);
  return config;
}

LayerConfig ReadLayer(const json& object, const LayerInfo& layer, bool asymmetric) {
  JsonFields fields(object, "the layer");
  LayerConfig config;
  config.quantize = fields.Bool("quant_enable", true);
  Require(!fields.Bool("approximate_enable", false), ErrorCode::kUnsupported,
          "approximate_enable is true, but approximation is not supported");
  if (fields.Has("dmq_balancer_param")) {
    config.migration_strength = fields.Number("dmq_balancer_param", 0);
    CheckBalancer(*config.migration_strength, layer);
  }
  const json empty = json::object();
  const json* activation = fields.Object("activation_quant_params");
  config.activation = ReadActivation(activation ? *activation : empty, asymmetric);
  const json* weight = fields.Object("weight_quant_params");
  config.weight = ReadWeight(weight ? *weight : empty, layer);
  fields.CheckNoOthers();
  return config;
}

TensorConfig ReadTensor(const json& object, bool asymmetric) {
  JsonFields fields(object, "an entry of tensor_quantize");
  Require(fields.Has("layer_name") && fields.Has("input_index"), kBad,
          "an entry of tensor_quantize needs layer_name and input_index");
  TensorConfig config{.node = fields.String("layer_name", ""),
                      .input = fields.Integer("input_index", 0)};
  ErrorScope scope("tensor", config.node + ":" + std::to_string(config.input));
  const json empty = json::object();
  const json* activation = fields.Object("activation_quant_params");
  config.activation = ReadActivation(activation ? *activation : empty, asymmetric);
  fields.CheckNoOthers();
  return config;
}

std::vector<std::string> ReadNames(const json& list, const char* key) {
  std::vector<std::string> names;
  for (const json& name : list) {
    Require(name.is_string(), kBad, key, " must hold strings, but has one of type ",
            name.type_name());
    names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace

Config ParseJsonConfig(std::string_view text, const std::vector<LayerInfo>& layers) {
  const json root = ParseUniqueJson(text);
  if (IsJsonRetrainConfig(root)) return ReadJsonRetrainConfig(root, layers);
  JsonFields fields(root, "the config");
  Config config;
  const int version = fields.Integer("version", 1);
  Require(version == 1, kBad, "version is ", version, ", but must be 1");
  config.batch_num = fields.Integer("batch_num", config.batch_num);
  CheckBatchNum(config.batch_num);
  config.activation_offset = fields.Bool("activation_offset", config.activation_offset);
  config.joint_quant = fields.Bool("joint_quant", config.joint_quant);
  config.do_fusion = fields.Bool("do_fusion", config.do_fusion);
  config.equalize = fields.Bool(kEqualize, config.equalize);
  config.absorb_biases = fields.Bool(kAbsorbBiases, config.absorb_biases);
  if (const json* names = fields.Array("skip_fusion_layers")) {
    config.skip_fusion_layers = ReadNames(*names, "skip_fusion_layers");
    CheckSkipFusion(config.skip_fusion_layers, layers);
  }
  if (const json* tensors = fields.Array("tensor_quantize")) {
    for (const json& tensor : *tensors) {
      config.tensors.push_back(ReadTensor(tensor, config.activation_offset));
    }
    CheckTensors(config.tensors);
  }
  const std::string precision = fields.String("fakequant_precision_mode", "DEFAULT");
  Require(precision == "DEFAULT", ErrorCode::kUnsupported, "fakequant_precision_mode ", precision,
          " is not supported");

  const std::set<std::string> globals = {kEqualize,           kAbsorbBiases,
                                         "version",           "batch_num",
                                         "activation_offset", "joint_quant",
                                         "do_fusion",         "skip_fusion_layers",
                                         "tensor_quantize",   "fakequant_precision_mode"};
  for (const auto& [key, value] : root.items()) {
    if (globals.count(key)) continue;
    const LayerInfo* layer = FindLayer(layers, key);
    Require(layer, kBad, "'", key,
            "' is neither a parameter nor a layer of the graph that can be quantized");
    ErrorScope scope("layer", key);
    config.layers[key] = ReadLayer(value, *layer, config.activation_offset);
  }
  CheckAnyEnabled(config);
  return config;
}

}  // namespace adze
