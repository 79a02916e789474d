#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace adze {

// Threads that work within one op on the calling thread (oneDNN and the loops below share OpenMP's
// pool). 0: all cores.
void SetNumThreads(int num_threads);
int NumThreads();

// Sets it for as long as the scope lasts.
class ThreadsScope {
 public:
  explicit ThreadsScope(int num_threads) : before_(NumThreads()) { SetNumThreads(num_threads); }
  ~ThreadsScope() { SetNumThreads(before_); }
  ThreadsScope(const ThreadsScope&) = delete;
  ThreadsScope& operator=(const ThreadsScope&) = delete;

 private:
  const int before_;
};

// Calls body(begin, end) for pieces that cover [0, count), at least `grain` long, on up to
// NumThreads() threads. `body` must not throw.
void ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body);

// Calls body(slot, begin, end) for pieces that cover [0, count), on up to `slots` threads; pieces
// of one slot run one after the other. Each slot has its share of neighbouring pieces; who is done
// early takes from the others' shares, so that nobody waits for a core that serves other programs
// too. `body` must not throw.
void ParallelShares(int64_t count, int slots,
                    const std::function<void(int, int64_t, int64_t)>& body);

// Slots for ParallelShares that make the most of NumThreads() threads: a worker (below) that runs
// alone has room for one helper.
int ShareSlots();

// Calls body(worker) for each worker in [0, count), count <= NumThreads(), on a thread of its own.
// A thread whose body is done helps those that are not in their ParallelShares, one thread each.
// `body` must not throw.
void ParallelWorkers(int count, const std::function<void(int)>& body);

// Calls body(i) for every i in [0, count) on up to NumThreads() threads, each taking the next as
// soon as it is free. They end with the call: none waits spinning beside the work that follows.
// When all are done it rethrows what was thrown for the least i.
void RunTasks(int64_t count, const std::function<void(int64_t)>& body);

}  // namespace adze
