#pragma once

#include <string>
#include <vector>

#include "adze/decompose.h"
#include "decompose/factors.h"

namespace adze {

// What a convolution, or the factors in its place, is called in a LatencyTable.
std::string LatencyKey(const Convolution& convolution, const std::vector<Factor>& factors,
                       int num_threads);

// Times the ways that the table lacks and adds them. A way without factors is the convolution
// itself. All run in turns, in memory of their own, so that none finds its weights in the cache.
void MeasureLatencies(const Convolution& convolution, const std::vector<std::vector<Factor>>& ways,
                      const LatencyOptions& options, LatencyTable* table);

}  // namespace adze
