// Work shared between slots is done once, and a slot that is done early takes what is left of
// another's share.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "adze/parallel.h"

namespace adze {
namespace {

class ParallelShares : public testing::Test {
 protected:
  ParallelShares() { SetNumThreads(3); }
  ~ParallelShares() override { SetNumThreads(0); }
};

TEST_F(ParallelShares, CoverEveryIndexOnce) {
  for (int64_t count : {0, 1, 2, 5, 24, 1000}) {
    for (int slots : {1, 2, 3, 5}) {  // five: more than threads
      std::vector<std::atomic<int>> visits(count);
      std::vector<std::atomic<bool>> busy(slots);
      adze::ParallelShares(count, slots, [&](int slot, int64_t begin, int64_t end) {
        EXPECT_LT(begin, end);
        EXPECT_FALSE(busy[slot].exchange(true)) << "two pieces of slot " << slot << " at a time";
        for (int64_t i = begin; i < end; ++i) ++visits[i];
        busy[slot] = false;
      });
      for (int64_t i = 0; i < count; ++i) EXPECT_EQ(visits[i], 1) << i << " of " << count;
    }
  }
}

// Slot 0 stays at its first piece until all others are done.
TEST_F(ParallelShares, TheRestOfASlowSlotIsTaken) {
  constexpr int64_t kCount = 24;
  std::atomic<int64_t> done = 0;
  int64_t held = 0;
  adze::ParallelShares(kCount, 3, [&](int slot, int64_t begin, int64_t end) {
    if (slot == 0) {
      held += end - begin;
      for (int wait = 0; done + held < kCount && wait < 10'000; ++wait) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    } else {
      done += end - begin;
    }
  });
  EXPECT_LE(held, 1);  // none if the others were done before it began
  EXPECT_EQ(done + held, kCount);
}

TEST_F(ParallelShares, WithinOtherWorkOneSlotDoesAll) {
  std::atomic<int64_t> sum = 0;
  ParallelFor(3, 1, [&](int64_t, int64_t) {
    adze::ParallelShares(10, 3, [&](int slot, int64_t begin, int64_t end) {
      EXPECT_EQ(slot, 0);
      sum += end - begin;
    });
  });
  EXPECT_EQ(sum, 30);
}

}  // namespace
}  // namespace adze
