#include "io/config_rules.h"

#include <algorithm>
#include <set>

#include "adze/error.h"
#include "adze/registry.h"
#include "adze/tensor_key.h"

namespace adze {
namespace {

constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

void CheckOneOf(const char* field, int value, const std::vector<int>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::string list;
  for (int a : allowed) list += (list.empty() ? "" : ", ") + std::to_string(a);
  throw Error(kBad,
              std::string(field) + " is " + std::to_string(value) + ", but must be one of " + list);
}

// What configs have behind the name of a weight quantizer.
const std::string kQuantize = "_quantize";

// "arq, mse": the names of a registry, each with `suffix`.
template <typename Registry>
std::string NamesIn(const std::string& suffix = "") {
  std::string names;
  for (const auto& [name, def] : Builtin<Registry>().all()) {
    names += (names.empty() ? "" : ", ") + name + suffix;
  }
  return names;
}

const WeightQuantizerDef& WeightQuantizer(const std::string& name) {
  const WeightQuantizerDef* def = Builtin<WeightQuantizerRegistry>().Find(name);
  Require(def, kBad, "there is no weight quantizer '", name, "', but ",
          NamesIn<WeightQuantizerRegistry>());
  return *def;
}

bool TakesOp(const WeightQuantizerDef& def, const LayerInfo& layer) {
  return def.ops.empty() || std::find(def.ops.begin(), def.ops.end(), layer.op) != def.ops.end();
}

// 6 and 7 bits are AMCT's Winograd mode.
bool MayHaveBits(int num_bits, const LayerInfo& layer) {
  return (num_bits != 6 && num_bits != 7) || layer.op == "Conv2D";
}

}  // namespace

void CheckBatchNum(int64_t batch_num) {
  Require(batch_num > 0 && batch_num <= INT32_MAX, kBad, "batch_num is ", batch_num,
          ", but must be greater than zero");
}

void CheckActivation(const ActivationConfig& config) {
  CheckOneOf("activation num_bits", config.num_bits, {4, 8, 16});
  SettingsOf(config);
}

void CheckWeight(const WeightConfig& config, const LayerInfo& layer) {
  const WeightQuantizerDef& def = WeightQuantizer(config.algorithm);
  Require(!layer.has_weight || TakesOp(def, layer), kBad, "wts_algo is ",
          config.algorithm + kQuantize, ", which a ", layer.op, " cannot have; use arq_quantize");
  CheckOneOf("weight num_bits", config.num_bits, def.num_bits);
  Require(!layer.has_weight || MayHaveBits(config.num_bits, layer), kBad, "weight num_bits is ",
          config.num_bits, ", which a ", layer.op, " cannot have; use 8");
  Require(config.rounding == "nearest" || config.rounding == "adaround", kBad, "rounding is '",
          config.rounding, "', but must be nearest or adaround");
  if (def.has_centres) {
    CheckOneOf("num_steps", config.num_steps, {16, 32});
    Require(config.num_iterations >= 0 && config.num_iterations <= 5, kBad, "num_of_iteration is ",
            config.num_iterations, ", but must be in [0, 5]");
  }
  Require(!config.per_channel || layer.per_channel, kBad, "channel_wise is true, but a ", layer.op,
          " has one scale for the whole tensor; set it to false");
}

void CheckBalancer(double migration_strength, const LayerInfo& layer) {
  Require(migration_strength >= 0.2 && migration_strength <= 0.8, kBad, "dmq_balancer_param is ",
          migration_strength, ", but must be in [0.2, 0.8]");
  Require(layer.has_weight, kBad, "has a dmq_balancer, but a ", layer.op,
          " has no weight to balance; leave it out");
}

void FitToLayer(const LayerInfo& layer, WeightConfig* config) {
  const WeightQuantizerDef& def = WeightQuantizer(config->algorithm);
  if (!TakesOp(def, layer)) config->algorithm = WeightConfig().algorithm;
  if (!MayHaveBits(config->num_bits, layer)) config->num_bits = 8;
  CheckOneOf("weight num_bits", config->num_bits, WeightQuantizer(config->algorithm).num_bits);
}

std::string WeightAlgorithm(const std::string& wts_algo) {
  const bool is_name = wts_algo.ends_with(kQuantize);
  const std::string name = wts_algo.substr(0, wts_algo.size() - (is_name ? kQuantize.size() : 0));
  Require(is_name && Builtin<WeightQuantizerRegistry>().Find(name), kBad, "wts_algo is '", wts_algo,
          "', but must be one of ", NamesIn<WeightQuantizerRegistry>(kQuantize));
  return name;
}

std::string WtsAlgo(const WeightConfig& config) { return config.algorithm + kQuantize; }

std::string PairOf(const std::string& parameter) {
  for (const std::string_view end : {"_start", "_end"}) {
    if (parameter.ends_with(end)) return parameter.substr(0, parameter.size() - end.size());
  }
  return "";
}

const LayerInfo* FindLayer(const std::vector<LayerInfo>& layers, const std::string& name) {
  auto it = std::find_if(layers.begin(), layers.end(),
                         [&](const LayerInfo& layer) { return layer.name == name; });
  return it == layers.end() ? nullptr : &*it;
}

void CheckUnique(const char* list, const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    Require(seen.insert(name).second, kBad, list, " has '", name, "' more than once");
  }
}

void CheckSkipFusion(const std::vector<std::string>& names, const std::vector<LayerInfo>& layers) {
  CheckUnique("skip_fusion_layers", names);
  for (const std::string& name : names) {
    const LayerInfo* layer = FindLayer(layers, name);
    Require(layer, kBad, "skip_fusion_layers has '", name,
            "', which is not a layer of the graph that can be fused");
    Require(layer->has_weight, kBad, "skip_fusion_layers has '", name, "', but a ", layer->op,
            " cannot be fused with anything");
  }
}

void CheckTensors(const std::vector<TensorConfig>& tensors) {
  std::vector<std::string> names;
  for (const TensorConfig& tensor : tensors) {
    names.push_back(ToString(TensorKey{tensor.node, tensor.input}));
    Require(tensor.input >= 0, kBad, "tensor_quantize: input_index of '", tensor.node, "' is ",
            tensor.input, ", but must not be negative");
    CheckActivation(tensor.activation);
  }
  CheckUnique("tensor_quantize", names);
}

void CheckRetrain(const RetrainConfig& config) {
  Require(config.clip_max.has_value() == config.clip_min.has_value(), kBad,
          "clip_max and clip_min go together; give both or none");
  if (!config.clip_max) return;
  Require(*config.clip_max > 0, kBad, "clip_max is ", *config.clip_max,
          ", but must be greater than zero");
  Require(*config.clip_min < 0, kBad, "clip_min is ", *config.clip_min,
          ", but must be less than zero");
}

void CheckRetrainBits(const LayerConfig& config, const LayerInfo& layer) {
  const int activation = config.activation.num_bits, weight = config.weight.num_bits;
  Require(layer.has_weight || (activation == 8 && weight == 8), kBad, "dst_type is INT4, which a ",
          layer.op, " cannot have; use INT8");
}

void CheckLayerName(const char* list, const std::string& name,
                    const std::vector<LayerInfo>& layers) {
  Require(FindLayer(layers, name), kBad, list, " has '", name,
          "', which is not a layer of the graph that can be quantized");
}

void CheckLayerType(const char* list, const std::string& type,
                    const std::vector<LayerInfo>& layers) {
  const bool known = std::any_of(layers.begin(), layers.end(),
                                 [&](const LayerInfo& layer) { return layer.op == type; });
  Require(known, kBad, list, " has '", type,
          "', which is the type of no layer of the graph that can be quantized");
}

void CheckAnyEnabled(const Config& config) {
  const bool any = !config.tensors.empty() ||
                   std::any_of(config.layers.begin(), config.layers.end(),
                               [](const auto& layer) { return layer.second.quantize; });
  Require(any, kBad, "no layer is enabled; enable at least one");
}

}  // namespace adze
