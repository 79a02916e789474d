#pragma once

#include <nlohmann/json_fwd.hpp>

#include "adze/config.h"

namespace adze {

// The rules of reference/amct-interfaces section 6.1 on values, whichever form they were read from.
// kInvalidArgument names field and range; kUnsupported what this library does not do.
void CheckBatchNum(int64_t batch_num);
// Also that the calibrator is known and takes the parameters.
void CheckActivation(const ActivationConfig& config);
void CheckWeight(const WeightConfig& config, const LayerInfo& layer);
void CheckBalancer(double migration_strength, const LayerInfo& layer);
// skip_fusion_layers: no repeats, each a layer that fusion may touch.
void CheckSkipFusion(const std::vector<std::string>& names, const std::vector<LayerInfo>& layers);
// That a list's entry is a layer, or the op of one, that can be quantized.
void CheckLayerName(const char* list, const std::string& name,
                    const std::vector<LayerInfo>& layers);
void CheckLayerType(const char* list, const std::string& type,
                    const std::vector<LayerInfo>& layers);
// Repeated names of a list.
void CheckUnique(const char* list, const std::vector<std::string>& names);
// tensor_quantize: no repeats, no negative index.
void CheckTensors(const std::vector<TensorConfig>& tensors);
// At least one layer or tensor is to be quantized.
void CheckAnyEnabled(const Config& config);

// AMCT's name of a weight quantizer, with "_quantize", and back. kInvalidArgument lists the names.
std::string WeightAlgorithm(const std::string& wts_algo);
std::string WtsAlgo(const WeightConfig& config);

// "X" if a calibrator's parameter is called X_start or X_end, else "": JSON configs write the two
// as X:[start,end].
std::string PairOf(const std::string& parameter);

// The layer of that name, or null.
const LayerInfo* FindLayer(const std::vector<LayerInfo>& layers, const std::string& name);

// Global keys of JSON configs and simplified ones; adze's own.
inline constexpr const char* kEqualize = "cross_layer_equalization";
inline constexpr const char* kAbsorbBiases = "high_bias_absorption";

Config ParseJsonConfig(std::string_view text, const std::vector<LayerInfo>& layers);
Config ParseSimplifiedConfig(std::string_view text, const std::vector<LayerInfo>& layers);

// Those of retraining, and whether a text is one of them.
bool IsJsonRetrainConfig(const nlohmann::json& root);
Config ReadJsonRetrainConfig(const nlohmann::json& root, const std::vector<LayerInfo>& layers);
bool IsSimplifiedRetrainConfig(std::string_view text);
Config ParseSimplifiedRetrainConfig(std::string_view text, const std::vector<LayerInfo>& layers);
// Section 6.2: both ends of a range or none, and their signs.
void CheckRetrain(const RetrainConfig& config);
// 4 or 8 bits, and no 4 bits for layers without a weight.
void CheckRetrainBits(const LayerConfig& config, const LayerInfo& layer);

}  // namespace adze
