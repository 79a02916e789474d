#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adze/calibrator.h"
#include "adze/weight_quantizer.h"

namespace adze {

// How retraining learns a layer's factors (reference/amct-algorithms section 8); adze retrain alone
// looks at it. Bits and channels are those of ActivationConfig and WeightConfig.
struct RetrainConfig {
  std::string activation = "ulq";  // names of src/retrain/methods
  std::string weight = "arq";
  // Where the range starts: clip_max > 0 and clip_min < 0, both or none. None: where calibration
  // has it.
  std::optional<double> clip_max = {}, clip_min = {};
  // Whether the lower end stays 0; absent: if calibration saw nothing below it.
  std::optional<bool> fixed_min = {};
  friend bool operator==(const RetrainConfig&, const RetrainConfig&) = default;
};

// What is wanted of one layer.
struct LayerConfig {
  bool quantize = true;
  ActivationConfig activation = {};
  WeightConfig weight = {};
  std::optional<double> migration_strength = {};  // of the DMQ balancer; absent: not balanced
  RetrainConfig retrain = {};
};

// A tensor to quantize that no layer reads: input `input` of an Add, AddV2 or MaxPool.
struct TensorConfig {
  std::string node;
  int input = 0;
  ActivationConfig activation = {};
};

// What is wanted. Written as AMCT's JSON config (reference/amct-interfaces section 6.1), read from
// that or from a simplified .cfg (section 5.1), or from those of retraining (6.2, 5.2). Layers that
// a JSON config does not name stay in float; with a .cfg or none at all, every layer that can be
// quantized is.
struct Config {
  int batch_num = 1;
  bool activation_offset = true;
  bool joint_quant = false;  // both inputs of every addition of a skip path are quantized too
  bool do_fusion = true;
  bool equalize = false;        // cross-layer equalization
  bool absorb_biases = false;   // high-bias absorption
  bool for_retraining = false;  // it was read from one of the forms for retraining
  std::vector<std::string> skip_fusion_layers = {};
  std::vector<TensorConfig> tensors = {};  // AMCT's tensor_quantize
  std::map<std::string, LayerConfig> layers = {};
};

// A quantizable layer as a config needs to know it.
struct LayerInfo {
  std::string name, op;
  bool per_channel = false;  // may its weight have a scale per channel
  bool has_weight = true;    // what can be fused into the weight, may be (skip_fusion_layers)
};

// Every layer with default settings.
Config DefaultConfig(const std::vector<LayerInfo>& layers);
// JSON if the file begins with '{', else a simplified .cfg. kBadFile / kInvalidArgument with the
// file, the layer and the rule of section 5.1, 5.2, 6.1 or 6.2 that is broken.
Config ReadConfig(const std::filesystem::path& path, const std::vector<LayerInfo>& layers);
Config ParseConfig(std::string_view text, const std::vector<LayerInfo>& layers);
// Replaces what a layer of this kind cannot have by what it can: a weight quantizer for other ops
// by arq, 6 or 7 bits by 8. kInvalidArgument if there is no weight quantizer of the name or it
// cannot do the bits.
void FitToLayer(const LayerInfo& layer, WeightConfig* config);
// AMCT's JSON: indent 4, separators "," and ":", globals first, layers sorted by name.
std::string SerializeConfig(const Config& config, const std::vector<LayerInfo>& layers);
// The same as AMCT's JSON config of retraining.
std::string SerializeRetrainConfig(const Config& config, const std::vector<LayerInfo>& layers);

}  // namespace adze
