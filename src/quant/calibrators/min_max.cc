// The range of everything seen.
#include "adze/calibrator.h"

namespace adze {

void register_min_max(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "min_max",
                   .summary = "the smallest and the largest value",
                   .compute = [](const FloatHistogram& values, const CalibratorSettings& settings) {
                     return ParamsFromRange(values.Smallest(1), values.Largest(1), settings.spec);
                   }});
}

}  // namespace adze
