#pragma once

#include <cstdint>
#include <vector>

#include "adze/calibrator.h"
#include "quant/distribution.h"

namespace adze {

// Counts of `num_bins` equal bins over [min, max], min < max; the last holds max too. A value x
// that was counted by itself goes to the bin floor((x - min) / (max - min) * num_bins), computed in
// double; the values of a bucket are split by its density, rounded so that the counts are whole and
// add up to all of them.
std::vector<uint64_t> EqualBins(const Distribution& values, double min, double max, int num_bins);
// The same of absolute values, over [0, max].
std::vector<uint64_t> EqualBinsOfAbsolute(const Distribution& values, double max, int num_bins);

// num_of_bins: 1024, 2048, 4096 or 8192.
CalibratorParameter NumOfBins(int fallback);

}  // namespace adze
