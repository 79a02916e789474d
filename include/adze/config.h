#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adze/calibrator.h"

namespace adze {

// How a layer's weights are quantized.
struct WeightConfig {
  std::string algorithm = "arq_quantize";
  int num_bits = 8;
  bool per_channel = true;  // ignored by ops without channel scales
};

struct LayerConfig {
  bool quantize = true;
  ActivationConfig activation = {};
  WeightConfig weight = {};
};

// What is wanted. Written as AMCT's JSON config (reference/amct-interfaces section 6.1), read from
// that or from a simplified .cfg (section 5.1). Layers that a JSON config does not name stay in
// float; with a .cfg or none at all, every layer that can be quantized is.
struct Config {
  int batch_num = 1;
  bool activation_offset = true;
  bool joint_quant = false;
  bool do_fusion = true;
  std::vector<std::string> skip_fusion_layers = {};
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
// file, the layer and the rule of section 5.1 or 6.1 that is broken.
Config ReadConfig(const std::filesystem::path& path, const std::vector<LayerInfo>& layers);
// AMCT's JSON: indent 4, separators "," and ":", globals first, layers sorted by name.
std::string SerializeConfig(const Config& config, const std::vector<LayerInfo>& layers);

}  // namespace adze
