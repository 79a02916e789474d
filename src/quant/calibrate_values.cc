#include "adze/calibrator.h"
#include "adze/registry.h"

namespace adze {

QuantParams CalibrateValues(const FloatHistogram& values, const ActivationConfig& config) {
  const CalibratorDef* calibrator = Builtin<CalibratorRegistry>().Find(config.algorithm);
  Require(calibrator, ErrorCode::kInvalidArgument, "there is no calibrator '", config.algorithm,
          "'");
  Require(values.count_nonfinite() == 0, ErrorCode::kInvalidArgument,
          "cannot be calibrated on data with NaN or Inf");
  Require(values.count() > 0, ErrorCode::kInvalidArgument, "cannot be calibrated without data");
  return calibrator->compute(values, config);
}

}  // namespace adze
