#pragma once

#include <map>
#include <string>

#include "adze/error.h"
#include "adze/float_histogram.h"
#include "adze/quant.h"

namespace adze {

// How a layer's activations are calibrated.
struct ActivationConfig {
  std::string algorithm = "ifmr";  // name of a calibrator
  int num_bits = 8;
  bool asymmetric = true;
  double max_percentile = 0.999999;
  double min_percentile = 0.999999;
  double search_start = 0.7;
  double search_end = 1.3;
  double search_step = 0.01;
  int num_bins = 4096;  // hfmg
  friend bool operator==(const ActivationConfig&, const ActivationConfig&) = default;

  QuantSpec spec() const { return {.num_bits = num_bits, .symmetric = !asymmetric}; }
};

// Finds scale and zero point of the values of a tensor. src/quant/calibrators holds one a file.
struct CalibratorDef {
  std::string name;  // as configs name it (act_algo)
  std::string summary;
  // The histogram holds at least one value and only finite ones.
  QuantParams (*compute)(const FloatHistogram&, const ActivationConfig&) = nullptr;
};

class CalibratorRegistry {
 public:
  void Add(CalibratorDef def) {
    std::string name = def.name;
    Check(defs_.emplace(name, std::move(def)).second, "calibrator registered twice");
  }
  const CalibratorDef* Find(const std::string& name) const {
    auto it = defs_.find(name);
    return it == defs_.end() ? nullptr : &it->second;
  }
  const std::map<std::string, CalibratorDef>& all() const { return defs_; }

 private:
  std::map<std::string, CalibratorDef> defs_;
};

// Scale and zero point by the calibrator that the config names. kInvalidArgument if the name is
// unknown, nothing was seen, or a NaN or Inf was.
QuantParams CalibrateValues(const FloatHistogram& values, const ActivationConfig& config);

}  // namespace adze
