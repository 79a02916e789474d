#pragma once

#include <vector>

#include "adze/calibrator.h"

namespace adze {

// The least and the greatest value that calibration keeps, both widened to hold 0.
struct ValueRange {
  float min = 0, max = 0;
};

// max_percentile and min_percentile, with one default for both.
std::vector<CalibratorParameter> PercentileParameters(double fallback);
// The values that max_percentile of the data do not exceed and that min_percentile of it are not
// below (reference/amct-algorithms section 5: the k-th largest and smallest).
ValueRange PercentileRange(const FloatHistogram& values, const CalibratorSettings& settings);

}  // namespace adze
