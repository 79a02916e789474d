// TensorRT's entropy calibration (Migacz, "8-bit inference with TensorRT", GTC 2017) as NVIDIA's
// pytorch-quantization writes it out: of the clipping values on a histogram of |x|, the one whose
// quantized distribution has the least Kullback-Leibler divergence from the data's.
#include <algorithm>
#include <cmath>
#include <limits>

#include "adze/calibrator.h"
#include "quant/calibrators/support/divergence.h"
#include "quant/calibrators/support/equal_bins.h"

namespace adze {
namespace {

QuantParams Compute(const FloatHistogram& values, const CalibratorSettings& settings) {
  const float min = values.Smallest(1), max = values.Largest(1);
  const float reach = std::max(std::fabs(min), std::fabs(max));
  if (reach == 0) return ParamsFromRange(min, max, settings.spec);
  const auto num_bins = static_cast<int>(settings["num_of_bins"]);
  const std::vector<uint64_t> bins = EqualBinsOfAbsolute(Distribution(values), reach, num_bins);
  // Levels that absolute values have: all of them where there are no others.
  const bool half = min >= 0 && !settings.spec.symmetric;
  const int levels = 1 << (half ? settings.spec.num_bits : settings.spec.num_bits - 1);
  const int kept = LeastDivergence(bins, levels);
  const float clip = reach * (static_cast<float>(kept) / static_cast<float>(num_bins));
  return ParamsFromRange(std::max(min, -clip), std::min(max, clip), settings.spec);
}

}  // namespace

void register_entropy(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "entropy",
                   .summary = "least divergence from the data's distribution, as in TensorRT",
                   .parameters = {NumOfBins(2048)},
                   .compute = Compute});
}

}  // namespace adze
