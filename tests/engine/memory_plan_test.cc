#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace adze {
namespace {

TEST(MemoryPlan, ReusesWhatIsFree) {
  // a chain: only two neighbours live at a time
  const std::vector<LiveRange> chain = {{100, 0, 1}, {100, 1, 2}, {100, 2, 3}, {100, 3, 4}};
  const MemoryPlan plan = PlanMemory(chain);
  EXPECT_EQ(plan.total_bytes, 256u);
  EXPECT_EQ(plan.offsets[0], plan.offsets[2]);
}

TEST(MemoryPlan, NeverOverlapsWhatLivesTogether) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<LiveRange> ranges(40);
    for (LiveRange& range : ranges) {
      range = {random() % 5000, static_cast<int>(random() % 30), 0};
      range.last = range.first + static_cast<int>(random() % 8);
    }
    const MemoryPlan plan = PlanMemory(ranges);
    size_t sum = 0;
    for (size_t i = 0; i < ranges.size(); ++i) {
      sum += (ranges[i].bytes + 63) / 64 * 64;
      EXPECT_EQ(plan.offsets[i] % 64, 0u);
      EXPECT_LE(plan.offsets[i] + ranges[i].bytes, plan.total_bytes);
      for (size_t k = 0; k < i; ++k) {
        const bool together =
            ranges[i].first <= ranges[k].last && ranges[k].first <= ranges[i].last;
        const bool apart = plan.offsets[i] + ranges[i].bytes <= plan.offsets[k] ||
                           plan.offsets[k] + ranges[k].bytes <= plan.offsets[i];
        EXPECT_TRUE(!together || apart);
      }
    }
    EXPECT_LT(plan.total_bytes, sum / 2);
  }
}

}  // namespace
}  // namespace adze
