#pragma once

#include <vector>

#include "engine/kernel.h"

namespace adze::integer {

// Output positions p = origin + i * out_step, i = 0..count - 1, along one axis; i reads the source
// at i * source_step + offset[k] through tap[k] of the kernel. Positions outside the source are
// real zero.
struct AxisTaps {
  int64_t origin = 0, out_step = 1, count = 1, source_step = 1;
  std::vector<int64_t> offset = {0}, tap = {0};
};

// Output positions that read the source alike, rows and columns. A convolution has one such phase;
// a transposed one as many as its strides have pixels.
struct Phase {
  AxisTaps rows, columns;
};

std::vector<Phase> PhasesOf(const KernelRequest& request);

}  // namespace adze::integer
