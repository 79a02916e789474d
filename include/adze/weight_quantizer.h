#pragma once

#include <map>
#include <string>
#include <vector>

#include "adze/error.h"
#include "adze/quant.h"

namespace adze {

// How a layer's weights are quantized.
struct WeightConfig {
  std::string algorithm = "arq";  // name of a weight quantizer; configs say "arq_quantize"
  int num_bits = 8;
  bool per_channel = true;  // ignored by ops without channel scales
  int num_steps = 32;       // nuq: centres
  int num_iterations = 1;   // nuq: rounds of clustering
  // What the scales leave open (adze/tune.h).
  std::string rounding = "nearest";  // or "adaround"
  bool bias_correction = false;
  friend bool operator==(const WeightConfig&, const WeightConfig&) = default;
};

// What a weight quantizer finds. The integers of the weight follow: the nearest ones, or, where
// there are centres, the nearest centres.
struct WeightFactors {
  QuantParams params;
  std::vector<int32_t> cluster = {};  // ascending integers; empty: all of them are allowed
};

// Finds the factors of a weight without data. src/quant/weight_quantizers holds one a file.
struct WeightQuantizerDef {
  std::string name;  // in configs with "_quantize" behind it (wts_algo)
  std::string summary;
  std::vector<int> num_bits = {4, 6, 7, 8};  // that it can do
  std::vector<std::string> ops = {};         // whose weights it takes; empty: any
  bool has_centres = false;                  // its factors have a cluster
  // `channel_axes` as for QuantizeWeight; empty: per tensor. kInvalidArgument if a weight is NaN or
  // Inf.
  WeightFactors (*compute)(const Tensor& weight, const std::vector<int>& channel_axes,
                           const WeightConfig&) = nullptr;
};

class WeightQuantizerRegistry {
 public:
  void Add(WeightQuantizerDef def) {
    std::string name = def.name;
    Check(defs_.emplace(name, std::move(def)).second, "weight quantizer registered twice");
  }
  const WeightQuantizerDef* Find(const std::string& name) const {
    auto it = defs_.find(name);
    return it == defs_.end() ? nullptr : &it->second;
  }
  const std::map<std::string, WeightQuantizerDef>& all() const { return defs_; }

 private:
  std::map<std::string, WeightQuantizerDef> defs_;
};

// Factors by the quantizer that the config names. kInvalidArgument if there is none of the name.
WeightFactors CalibrateWeight(const Tensor& weight, const std::vector<int>& channel_axes,
                              const WeightConfig& config);

// The weight with every element on its nearest centre: centre * scale, so that
// QuantizeWeight(result, factors.params) gives the centres back. Between two centres, ties go to
// the lower one.
Tensor MoveToCentres(const Tensor& weight, const WeightFactors& factors,
                     const std::vector<int>& channel_axes);

}  // namespace adze
