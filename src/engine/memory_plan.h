#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace adze {

// Memory that is needed from step `first` to step `last`, both included.
struct LiveRange {
  size_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<size_t> offsets;  // one per range, multiples of 64
  size_t total_bytes = 0;
};

// Places the ranges in one block so that no two that live at the same step overlap: largest first,
// each at the lowest offset that is free during its life.
MemoryPlan PlanMemory(std::span<const LiveRange> ranges);

}  // namespace adze
