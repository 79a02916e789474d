// The least squared error over a grid of ranges, 100 minima times 100 maxima. QDrop's MSEObserver
// (Wei et al. 2022) searches the like: 100 lengths of the range times every zero point.
#include <algorithm>

#include "quant/calibrators/support/least_error.h"
#include "quant/calibrators/support/percentile.h"

namespace adze {
namespace {

QuantParams Compute(const FloatHistogram& values, const CalibratorSettings& settings) {
  const SquaredError error(values);
  const float min = std::min(0.0f, values.Smallest(1)), max = std::max(0.0f, values.Largest(1));
  const auto steps = static_cast<int>(settings["grid_steps"]);
  const auto part = [&](float end, int step) {
    return end * static_cast<float>(step) / static_cast<float>(steps);
  };
  LeastError search(error, ParamsFromRange(min, max, settings.spec));
  // One end follows from the other, or is 0.
  const bool one_end = settings.spec.symmetric || min == 0;
  // From the whole range down: what is clipped grows, and soon rules a candidate out.
  for (int max_step = steps; max_step > 0; --max_step) {
    for (int min_step = one_end ? max_step : steps; min_step > 0; --min_step) {
      search.Try(ParamsFromRange(part(min, min_step), part(max, max_step), settings.spec));
      if (one_end) break;
    }
  }
  return search.best();
}

}  // namespace

void register_mse(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "mse",
                   .summary = "least squared error over a grid of minima and maxima",
                   .parameters = {{.name = "grid_steps",
                                   .fallback = 100,
                                   .range = "in [2, 400]",
                                   .accepts = [](double x) { return x >= 2 && x <= 400; },
                                   .is_whole = true}},
                   .compute = Compute});
}

}  // namespace adze
