#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "adze/calibrator.h"
#include "adze/near_names.h"
#include "adze/registry.h"

namespace adze {
namespace {

constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

std::vector<std::string> NamesOf(const std::vector<CalibratorParameter>& parameters) {
  std::vector<std::string> names;
  for (const CalibratorParameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

void CheckValues(const FloatHistogram& values) {
  Require(values.count_nonfinite() == 0, kBad, "cannot be calibrated on data with NaN or Inf");
  Require(values.count() > 0, kBad, "cannot be calibrated without data");
}

}  // namespace

const CalibratorDef& CalibratorByName(const std::string& name) {
  const auto& registry = Builtin<CalibratorRegistry>();
  const CalibratorDef* calibrator = registry.Find(name);
  if (calibrator) return *calibrator;
  std::vector<std::string> names;
  for (const auto& [known, def] : registry.all()) names.push_back(known);
  throw Error(kBad, "there is no calibrator '" + name + "'" + DidYouMean(name, names) +
                        "; there are " + Join(names));
}

ActivationConfig ParseCalibrator(const std::string& text) {
  const size_t colon = text.find(':');
  ActivationConfig config{.algorithm = text.substr(0, colon)};
  std::istringstream rest(colon == std::string::npos ? "" : text.substr(colon + 1));
  for (std::string part; std::getline(rest, part, ',');) {
    const size_t equals = part.find('=');
    const std::string number = equals == std::string::npos ? "" : part.substr(equals + 1);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    Require(!number.empty() && *end == '\0' && std::isfinite(value), kBad, "'", part,
            "' of calibrator '", text, "' is not of the form NAME=NUMBER");
    config.parameters[part.substr(0, equals)] = value;
  }
  return config;
}

CalibratorSettings SettingsOf(const ActivationConfig& config) {
  const CalibratorDef& calibrator = CalibratorByName(config.algorithm);
  Require(config.num_bits >= 2 && config.num_bits <= 16, kBad, "activations have ", config.num_bits,
          " bits, but must have 2 to 16");
  CalibratorSettings settings{.spec = config.spec()};
  for (const CalibratorParameter& parameter : calibrator.parameters) {
    settings.parameters[parameter.name] = parameter.fallback;
  }
  for (const auto& [name, value] : config.parameters) {
    const auto parameter =
        std::find_if(calibrator.parameters.begin(), calibrator.parameters.end(),
                     [&name = name](const CalibratorParameter& p) { return p.name == name; });
    if (parameter == calibrator.parameters.end()) {
      const std::vector<std::string> names = NamesOf(calibrator.parameters);
      throw Error(kBad, "calibrator " + config.algorithm + " has no parameter '" + name + "'" +
                            DidYouMean(name, names) + "; it has " +
                            (names.empty() ? "none" : Join(names)));
    }
    Require(!parameter->is_whole || value == std::floor(value), kBad, name, " is ", value,
            ", but must be a whole number");
    Require(parameter->accepts(value), kBad, name, " is ", value, ", but must be ",
            parameter->range);
    settings.parameters[name] = value;
  }
  if (calibrator.check) calibrator.check(settings);
  return settings;
}

bool ComparesOutputs(const ActivationConfig& config) {
  return CalibratorByName(config.algorithm).candidates != nullptr;
}

std::vector<QuantParams> CandidatesFor(const FloatHistogram& values,
                                       const ActivationConfig& config) {
  if (!ComparesOutputs(config)) return {CalibrateValues(values, config)};
  const CalibratorSettings settings = SettingsOf(config);
  CheckValues(values);
  std::vector<QuantParams> candidates;
  for (QuantParams& params : CalibratorByName(config.algorithm).candidates(values, settings)) {
    if (std::find(candidates.begin(), candidates.end(), params) == candidates.end()) {
      candidates.push_back(std::move(params));
    }
  }
  return candidates;
}

QuantParams CalibrateValues(const FloatHistogram& values, const ActivationConfig& config) {
  const CalibratorSettings settings = SettingsOf(config);
  CheckValues(values);
  Require(!ComparesOutputs(config), kBad, "calibrator ", config.algorithm,
          " compares outputs of layers, the values of a tensor alone do not tell");
  return CalibratorByName(config.algorithm).compute(values, settings);
}

}  // namespace adze
