#pragma once

#include <vector>

#include "quant/calibrators/support/percentile.h"
#include "quant/squared_error.h"

namespace adze {

// IFMR's parameters and its search (reference/amct-algorithms section 5), which others begin with.

std::vector<CalibratorParameter> SearchParameters();
// That the range is not empty and the step not longer than it.
void CheckSearch(const CalibratorSettings& settings);
// The factors from search_range_start up to, not including, search_range_end.
std::vector<float> SearchRatios(const CalibratorSettings& settings);
// Of the maxima range.max * ratio the one with the least squared error, the first of several.
QuantParams SearchMaximum(const SquaredError& error, ValueRange range,
                          const CalibratorSettings& settings);

}  // namespace adze
