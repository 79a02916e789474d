#include "adze/weight_quantizer.h"

#include <algorithm>

#include "adze/registry.h"

namespace adze {

WeightFactors CalibrateWeight(const Tensor& weight, const std::vector<int>& channel_axes,
                              const WeightConfig& config) {
  const WeightQuantizerDef* quantizer = Builtin<WeightQuantizerRegistry>().Find(config.algorithm);
  Require(quantizer, ErrorCode::kInvalidArgument, "there is no weight quantizer '",
          config.algorithm, "'");
  return quantizer->compute(weight, channel_axes, config);
}

Tensor MoveToCentres(const Tensor& weight, const WeightFactors& factors,
                     const std::vector<int>& channel_axes) {
  const std::vector<int32_t>& centres = factors.cluster;
  Check(!centres.empty(), "a weight without centres");
  QuantizedWeight moved = QuantizeWeight(weight, factors.params, channel_axes);
  for (int8_t& code : moved.values.mutable_data<int8_t>()) {
    auto above = std::lower_bound(centres.begin(), centres.end(), code);
    if (above == centres.end()) {
      code = static_cast<int8_t>(centres.back());
    } else if (above != centres.begin() && code - *(above - 1) <= *above - code) {
      code = static_cast<int8_t>(*(above - 1));
    } else {
      code = static_cast<int8_t>(*above);
    }
  }
  return DequantizeWeight(moved, channel_axes);
}

}  // namespace adze
