// AMCT's simplified calibration config, protobuf text (reference/amct-interfaces section 5.1).
#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

#include "adze/error.h"
#include "io/config_rules.h"
#include "io/text_proto.h"
#include "proto/config.pb.h"

namespace adze {
namespace {

constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
constexpr double kMigrationStrength = 0.5;  // of a dmq_balancer that does not say

// What a float of the file means as decimal: 0.7 stays 0.7.
double ToDecimal(float value) { return std::strtod(ShortestDecimal(value).c_str(), nullptr); }

// common_config is made to fit each layer, an override has to fit as it stands.
enum class Strictness { kReduce, kRefuse };

std::string AlgorithmOf(const proto::CalibrationConfig& source) {
  if (source.has_hfmg_quantize()) return "hfmg";
  if (!source.has_act_quantize()) return "ifmr";
  Require(source.act_quantize().has_act_algo(), kBad, "act_quantize needs act_algo");
  return source.act_quantize().act_algo();
}

// The message of whichever calibrator was given.
const google::protobuf::Message& ActivationOf(const proto::CalibrationConfig& source) {
  if (source.has_hfmg_quantize()) return source.hfmg_quantize();
  if (source.has_act_quantize()) return source.act_quantize();
  return source.ifmr_quantize();
}

// All of these messages have `asymmetric` and `dst_type`.
std::optional<bool> AsymmetricOf(const google::protobuf::Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByName("asymmetric");
  const auto* reflection = message.GetReflection();
  if (!reflection->HasField(message, field)) return std::nullopt;
  return reflection->GetBool(message, field);
}

int NumBitsOf(const google::protobuf::Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByName("dst_type");
  return message.GetReflection()->GetEnumValue(message, field) == proto::INT16 ? 16 : 8;
}

// AMCT's fields have the names of the calibrator's parameters.
std::map<std::string, double> ParametersOf(const google::protobuf::Message& message) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const auto* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  std::map<std::string, double> parameters;
  for (const auto* field : fields) {
    switch (field->cpp_type()) {
      case google::protobuf::FieldDescriptor::CPPTYPE_FLOAT:
        parameters[field->name()] = ToDecimal(reflection->GetFloat(message, field));
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_UINT32:
        parameters[field->name()] = reflection->GetUInt32(message, field);
        break;
      default:
        break;
    }
  }
  return parameters;
}

TensorConfig ReadTensor(const proto::TensorQuantize& source, bool asymmetric) {
  Require(source.has_layer_name() && source.has_input_index(), kBad,
          "an entry of tensor_quantize needs layer_name and input_index");
  const bool is_hfmg = source.has_hfmg_quantize();
  const google::protobuf::Message* message = &source.ifmr_quantize();
  if (is_hfmg) message = &source.hfmg_quantize();
  return {.node = source.layer_name(),
          .input = static_cast<int>(std::min(source.input_index(), 1u << 30)),
          .activation = {.algorithm = is_hfmg ? "hfmg" : "ifmr",
                         .num_bits = NumBitsOf(*message),
                         .asymmetric = AsymmetricOf(*message).value_or(asymmetric),
                         .parameters = ParametersOf(*message)}};
}

ActivationConfig ReadActivation(const proto::CalibrationConfig& source, bool asymmetric) {
  const google::protobuf::Message& message = ActivationOf(source);
  ActivationConfig config{.algorithm = AlgorithmOf(source), .num_bits = NumBitsOf(message)};
  config.asymmetric = AsymmetricOf(message).value_or(asymmetric);
  config.parameters = ParametersOf(message);
  for (const auto& [name, value] : source.act_quantize().parameters()) {
    config.parameters[name] = ToDecimal(value);
  }
  return config;
}

void ReadCentres(const proto::NUQuantize& nuq, WeightConfig* config) {
  if (nuq.has_num_steps()) config->num_steps = static_cast<int>(nuq.num_steps());
  if (nuq.has_num_of_iteration()) {
    config->num_iterations = static_cast<int>(std::min(nuq.num_of_iteration(), 1u << 30));
  }
}

WeightConfig ReadWeight(const proto::CalibrationConfig& source, const LayerInfo& layer,
                        Strictness strictness) {
  WeightConfig config{.per_channel = layer.per_channel};
  if (source.has_nuq_quantize()) {
    config.algorithm = "nuq";
    ReadCentres(source.nuq_quantize(), &config);
  } else {
    if (source.has_mse_quantize()) config.algorithm = "mse";
    const proto::ARQuantize& scales =
        source.has_mse_quantize() ? source.mse_quantize() : source.arq_quantize();
    if (scales.has_channel_wise()) config.per_channel = scales.channel_wise();
    if (scales.has_quant_bits()) config.num_bits = static_cast<int>(scales.quant_bits());
  }
  if (source.has_rounding()) config.rounding = source.rounding();
  config.bias_correction = source.bias_correction();
  if (strictness == Strictness::kReduce) FitToLayer(layer, &config);
  return config;
}

// Whose settings a layer follows, and how strictly.
struct Choice {
  const proto::CalibrationConfig* source;
  Strictness strictness;
};

class Reader {
 public:
  Reader(const proto::AMCTConfig& file, const std::vector<LayerInfo>& layers)
      : file_(file), layers_(layers) {}

  Config Read() const {
    Config config;
    if (file_.has_batch_num()) CheckBatchNum(file_.batch_num());
    config.batch_num = file_.has_batch_num() ? static_cast<int>(file_.batch_num()) : 1;
    config.activation_offset = !file_.has_activation_offset() || file_.activation_offset();
    config.joint_quant = file_.joint_quant();
    config.do_fusion = !file_.has_do_fusion() || file_.do_fusion();
    config.equalize = file_.cross_layer_equalization();
    config.absorb_biases = file_.high_bias_absorption();
    config.skip_fusion_layers = Names(file_.skip_fusion_layers());
    CheckSkipFusion(config.skip_fusion_layers, layers_);
    RefuseUnsupported();
    CheckNames();
    for (const proto::TensorQuantize& tensor : file_.tensor_quantize()) {
      config.tensors.push_back(ReadTensor(tensor, config.activation_offset));
    }
    CheckTensors(config.tensors);
    for (const LayerInfo& layer : layers_) {
      ErrorScope scope("layer", layer.name);
      config.layers[layer.name] = ReadLayer(layer, config.activation_offset);
    }
    CheckAnyEnabled(config);
    return config;
  }

 private:
  template <typename Repeated>
  static std::vector<std::string> Names(const Repeated& names) {
    return {names.begin(), names.end()};
  }

  void RefuseUnsupported() const {
    const ErrorCode code = ErrorCode::kUnsupported;
    Require(!file_.nuq_config().has_mapping_file(), code,
            "nuq_config: mapping_file is not supported; leave it out, and give arq_quantize to the "
            "layers that are to stay uniform (override_layer_configs)");
    Require(file_.fakequant_precision_mode() == proto::DEFAULT, code,
            "fakequant_precision_mode FORCE_FP16_QUANT is not supported");
    Require(!file_.weight_offset(), code, "weight_offset: weights are symmetric");
  }

  void CheckNames() const {
    CheckUnique("skip_layers", Names(file_.skip_layers()));
    for (const std::string& name : file_.skip_layers())
      CheckLayerName("skip_layers", name, layers_);
    CheckUnique("skip_layer_types", Names(file_.skip_layer_types()));
    for (const std::string& type : file_.skip_layer_types())
      CheckLayerType("skip_layer_types", type, layers_);

    std::vector<std::string> types, names;
    for (const proto::OverrideLayerType& entry : file_.override_layer_types()) {
      Require(entry.has_layer_type() && entry.has_calibration_config(), kBad,
              "an entry of override_layer_types needs layer_type and calibration_config");
      CheckLayerType("override_layer_types", entry.layer_type(), layers_);
      types.push_back(entry.layer_type());
    }
    CheckUnique("override_layer_types", types);
    for (const proto::OverrideLayer& entry : file_.override_layer_configs()) {
      Require(entry.has_layer_name() && entry.has_calibration_config(), kBad,
              "an entry of override_layer_configs needs layer_name and calibration_config");
      CheckLayerName("override_layer_configs", entry.layer_name(), layers_);
      names.push_back(entry.layer_name());
    }
    CheckUnique("override_layer_configs", names);
  }

  // The nearest setting replaces the farther ones whole.
  Choice Choose(const LayerInfo& layer) const {
    for (const proto::OverrideLayer& entry : file_.override_layer_configs()) {
      if (entry.layer_name() == layer.name) {
        return {&entry.calibration_config(), Strictness::kRefuse};
      }
    }
    for (const proto::OverrideLayerType& entry : file_.override_layer_types()) {
      if (entry.layer_type() == layer.op) return {&entry.calibration_config(), Strictness::kRefuse};
    }
    if (file_.has_common_config() || file_.override_layer_types_size() > 0) {
      return {&file_.common_config(), Strictness::kReduce};
    }
    // Fields of an older edition.
    return {layer.per_channel ? &file_.conv_calibration_config() : &file_.fc_calibration_config(),
            Strictness::kReduce};
  }

  bool IsSkipped(const LayerInfo& layer) const {
    const auto& names = file_.skip_layers();
    const auto& types = file_.skip_layer_types();
    return std::find(names.begin(), names.end(), layer.name) != names.end() ||
           std::find(types.begin(), types.end(), layer.op) != types.end();
  }

  LayerConfig ReadLayer(const LayerInfo& layer, bool activation_offset) const {
    const Choice choice = Choose(layer);
    const proto::CalibrationConfig& common = file_.common_config();
    const bool same = AlgorithmOf(*choice.source) == AlgorithmOf(common);
    const bool asymmetric =
        same ? AsymmetricOf(ActivationOf(common)).value_or(activation_offset) : activation_offset;
    LayerConfig config{.quantize = !IsSkipped(layer)};
    config.activation = ReadActivation(*choice.source, asymmetric);
    config.weight = ReadWeight(*choice.source, layer, choice.strictness);
    if (file_.has_nuq_config() && choice.strictness == Strictness::kReduce) {
      config.weight.algorithm = "nuq";
      ReadCentres(file_.nuq_config().nuq_quantize(), &config.weight);
      config.weight.num_bits = 8;
      FitToLayer(layer, &config.weight);
    }
    if (!config.quantize) {
      config.weight.per_channel &= layer.per_channel;
      return config;
    }
    if (choice.source->has_dmq_balancer()) {
      const proto::DMQBalancer& dmq = choice.source->dmq_balancer();
      const double strength =
          dmq.has_migration_strength() ? ToDecimal(dmq.migration_strength()) : kMigrationStrength;
      if (layer.has_weight || choice.strictness == Strictness::kRefuse) {
        CheckBalancer(strength, layer);
        config.migration_strength = strength;
      }
    }
    CheckActivation(config.activation);
    CheckWeight(config.weight, layer);
    return config;
  }

  const proto::AMCTConfig& file_;
  const std::vector<LayerInfo>& layers_;
};

}  // namespace

Config ParseSimplifiedConfig(std::string_view text, const std::vector<LayerInfo>& layers) {
  if (IsSimplifiedRetrainConfig(text)) return ParseSimplifiedRetrainConfig(text, layers);
  proto::AMCTConfig file;
  ParseTextProto(text, "a calibration config", &file);
  return Reader(file, layers).Read();
}

}  // namespace adze
