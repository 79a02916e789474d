#include "adze/parallel.h"

#include <omp.h>

#include <thread>

namespace adze {

void SetNumThreads(int num_threads) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  omp_set_num_threads(num_threads > 0 ? num_threads : cores);
}

int NumThreads() { return omp_get_max_threads(); }

void ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  const int64_t most = (count + grain - 1) / std::max<int64_t>(grain, 1);
  const int threads = static_cast<int>(std::min<int64_t>(NumThreads(), most));
  if (threads <= 1 || omp_in_parallel()) {
    if (count > 0) body(0, count);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int i = 0; i < threads; ++i) body(count * i / threads, count * (i + 1) / threads);
}

}  // namespace adze
