#include "engine/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace adze {
namespace {

constexpr size_t kAlignment = 64;

size_t RoundUp(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

MemoryPlan PlanMemory(std::span<const LiveRange> ranges) {
  MemoryPlan plan;
  plan.offsets.resize(ranges.size());
  std::vector<size_t> by_size(ranges.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return ranges[a].bytes > ranges[b].bytes; });

  std::vector<size_t> placed;  // by offset
  for (size_t index : by_size) {
    const LiveRange& range = ranges[index];
    const size_t bytes = RoundUp(range.bytes);
    size_t offset = 0;
    for (size_t other : placed) {
      if (ranges[other].last < range.first || range.last < ranges[other].first) continue;
      if (plan.offsets[other] >= offset + bytes) break;
      offset = std::max(offset, plan.offsets[other] + RoundUp(ranges[other].bytes));
    }
    plan.offsets[index] = offset;
    plan.total_bytes = std::max(plan.total_bytes, offset + bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), index,
                         [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
        index);
  }
  return plan;
}

}  // namespace adze
