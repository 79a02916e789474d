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

// Worker 1 stays at its first piece until its helper, worker 0 whose own work is done, did the
// rest.
TEST_F(ParallelShares, AWorkerWithoutWorkHelpsAnother) {
  constexpr int64_t kCount = 40;
  std::vector<std::atomic<int>> visits(kCount);
  std::atomic<int64_t> helped = 0;
  int64_t held = 0;
  std::atomic<bool> first_is_done = false;
  ParallelWorkers(2, [&](int worker) {
    if (worker == 0) {
      first_is_done = true;
      return;
    }
    while (!first_is_done) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    adze::ParallelShares(kCount, 2, [&](int slot, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++visits[i];
      if (slot == 1) {
        helped += end - begin;
        return;
      }
      held += end - begin;
      for (int wait = 0; helped + held < kCount && wait < 10'000; ++wait) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  });
  EXPECT_GE(helped, kCount - 3);  // all but one of sixteen pieces
  EXPECT_EQ(helped + held, kCount);
  for (int64_t i = 0; i < kCount; ++i) EXPECT_EQ(visits[i], 1) << i;
}

TEST_F(ParallelShares, EveryWorkerRunsOnceAndAllShareTheirWork) {
  for (int round = 0; round < 200; ++round) {
    constexpr int64_t kCount = 37;
    std::vector<std::atomic<int>> visits(3 * 4 * kCount);
    ParallelWorkers(3, [&](int worker) {
      for (int layer = 0; layer <= worker; ++layer) {
        std::atomic<int64_t> sum = 0;
        adze::ParallelShares(kCount, 2, [&](int, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            ++visits[(worker * 4 + layer) * kCount + i];
            sum += i;
          }
        });
        EXPECT_EQ(sum, kCount * (kCount - 1) / 2) << "the next layer needs all of it";
      }
    });
    for (int64_t i = 0; i < std::ssize(visits); ++i) {
      const bool is_done = i / kCount % 4 <= i / kCount / 4;
      ASSERT_EQ(visits[i], is_done ? 1 : 0) << i;
    }
  }
}

}  // namespace
}  // namespace adze
