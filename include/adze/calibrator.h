#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "adze/error.h"
#include "adze/float_histogram.h"
#include "adze/quant.h"

namespace adze {

// How a layer's activations are calibrated.
struct ActivationConfig {
  std::string algorithm = "ifmr";  // name of a calibrator
  int num_bits = 8;
  bool asymmetric = true;
  // What the calibrator takes, by name; what is not in here has the calibrator's default.
  std::map<std::string, double> parameters = {};
  friend bool operator==(const ActivationConfig&, const ActivationConfig&) = default;

  QuantSpec spec() const { return {.num_bits = num_bits, .symmetric = !asymmetric}; }
};

// A number that a calibrator takes.
struct CalibratorParameter {
  std::string name;  // as configs name it
  double fallback = 0;
  std::string range;  // which values it may have, as text: "in (0.5, 1]"
  bool (*accepts)(double) = nullptr;
  bool is_whole = false;  // whether configs write it as an integer
};

// What a calibrator is called with: its parameters, all of them, beside the config's other fields.
struct CalibratorSettings {
  QuantSpec spec;
  std::map<std::string, double> parameters;

  double operator[](const std::string& name) const {
    const auto found = parameters.find(name);
    Check(found != parameters.end(), "a calibrator's parameter");
    return found->second;
  }
};

// Finds scale and zero point of the values of a tensor. src/quant/calibrators holds them.
struct CalibratorDef {
  std::string name;  // as configs name it (act_algo)
  std::string summary;
  std::vector<CalibratorParameter> parameters = {};
  // Whether parameters fit together; throws kInvalidArgument. May be null.
  void (*check)(const CalibratorSettings&) = nullptr;
  // The histogram holds at least one value and only finite ones.
  QuantParams (*compute)(const FloatHistogram&, const CalibratorSettings&) = nullptr;
  // Instead of it, where the values alone do not tell: what to choose from by the error of the
  // outputs of the layers that read the tensor, which takes a second run over data.
  std::vector<QuantParams> (*candidates)(const FloatHistogram&,
                                         const CalibratorSettings&) = nullptr;
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

// The calibrator of that name; kInvalidArgument with names like it and all the names there are.
const CalibratorDef& CalibratorByName(const std::string& name);
// Algorithm and parameters as a command line gives them: "percentile" or
// "percentile:max_percentile=0.999,min_percentile=1". kInvalidArgument if that is not its form.
ActivationConfig ParseCalibrator(const std::string& text);
// The parameters of the calibrator that the config names, given or by default. kInvalidArgument
// names what is unknown or out of range.
CalibratorSettings SettingsOf(const ActivationConfig& config);
// Whether the calibrator that the config names compares outputs of layers.
bool ComparesOutputs(const ActivationConfig& config);
// What it chooses from, without repetitions; of any other calibrator what it finds.
// kInvalidArgument as CalibrateValues.
std::vector<QuantParams> CandidatesFor(const FloatHistogram& values,
                                       const ActivationConfig& config);
// Scale and zero point by the calibrator that the config names. kInvalidArgument as SettingsOf, if
// nothing was seen, or a NaN or Inf was, and if the calibrator compares outputs.
QuantParams CalibrateValues(const FloatHistogram& values, const ActivationConfig& config);

}  // namespace adze
