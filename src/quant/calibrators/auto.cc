// Of what all other calibrators find, the range with the least error of the layers' outputs.
#include "adze/calibrator.h"
#include "adze/registry.h"

namespace adze {
namespace {

std::vector<QuantParams> Candidates(const FloatHistogram& values,
                                    const CalibratorSettings& settings) {
  std::vector<QuantParams> candidates;
  for (const auto& [name, calibrator] : Builtin<CalibratorRegistry>().all()) {
    if (name == "auto") continue;
    const ActivationConfig config{.algorithm = name,
                                  .num_bits = settings.spec.num_bits,
                                  .asymmetric = !settings.spec.symmetric};
    for (QuantParams& params : CandidatesFor(values, config)) {
      candidates.push_back(std::move(params));
    }
  }
  return candidates;
}

}  // namespace

void register_auto(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "auto",
                   .summary = "of what all others find the least error of the layers' outputs",
                   .candidates = Candidates});
}

}  // namespace adze
