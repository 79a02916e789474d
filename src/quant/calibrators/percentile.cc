// Clips at a percentile of the values on either side (NVIDIA pytorch-quantization and ONNX Runtime,
// both of which default to 99.99 % or more of the data).
#include "quant/calibrators/support/percentile.h"

namespace adze {

void register_percentile(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "percentile",
                   .summary = "values that a percentile of the data does not exceed",
                   .parameters = PercentileParameters(0.9999),
                   .compute = [](const FloatHistogram& values, const CalibratorSettings& settings) {
                     const ValueRange range = PercentileRange(values, settings);
                     return ParamsFromRange(range.min, range.max, settings.spec);
                   }});
}

}  // namespace adze
