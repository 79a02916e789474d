// Output-MSE: chooses the range by the error of the layers' outputs instead of that of their data.
// What it tries begins with what ifmr finds, so that it is never worse.
#include <algorithm>
#include <cmath>

#include "quant/calibrators/support/percentile.h"

namespace adze {
namespace {

// Parts of the range of the data, from the whole down to a quarter.
float PartOf(int step, int steps) {
  return 1 - 0.75f * static_cast<float>(step) / static_cast<float>(steps);
}

std::vector<QuantParams> Candidates(const FloatHistogram& values,
                                    const CalibratorSettings& settings) {
  const ActivationConfig ifmr{.num_bits = settings.spec.num_bits,
                              .asymmetric = !settings.spec.symmetric};
  std::vector<QuantParams> candidates = {CalibrateValues(values, ifmr)};
  const float min = std::min(0.0f, values.Smallest(1)), max = std::max(0.0f, values.Largest(1));
  const auto steps = static_cast<int>(settings["grid_steps"]);
  if (settings.spec.symmetric || min == 0 || max == 0) {  // there is no other end
    for (int i = 0; i < steps; ++i) {
      const float part = PartOf(i, steps);
      candidates.push_back(ParamsFromRange(min * part, max * part, settings.spec));
    }
    return candidates;
  }
  const int side = static_cast<int>(std::sqrt(steps));
  for (int i = 0; i < side; ++i) {
    for (int j = 0; j < side; ++j) {
      candidates.push_back(
          ParamsFromRange(min * PartOf(i, side), max * PartOf(j, side), settings.spec));
    }
  }
  return candidates;
}

}  // namespace

void register_output_mse(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "output_mse",
                   .summary = "least error of the layers' outputs, in a second run over data",
                   .parameters = {{.name = "grid_steps",
                                   .fallback = 36,
                                   .range = "in [4, 400]",
                                   .accepts = [](double x) { return x >= 4 && x <= 400; },
                                   .is_whole = true}},
                   .candidates = Candidates});
}

}  // namespace adze
