#include "adze/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

namespace adze {
namespace {

#ifdef __SANITIZE_THREAD__
// ThreadSanitizer does not see how OpenMP's threads wait for each other, but it sees these.
thread_local bool in_parallel = false;

bool InParallel() { return in_parallel; }

void OnThreads(int count, const std::function<void(int)>& body) {
  const auto run = [&](int i) {
    in_parallel = true;
    body(i);
    in_parallel = false;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < count; ++i) others.emplace_back(run, i);
  run(0);
  for (std::thread& other : others) other.join();
}
#else
bool InParallel() { return omp_in_parallel(); }

void OnThreads(int count, const std::function<void(int)>& body) {
#pragma omp parallel for num_threads(count) schedule(static)
  for (int i = 0; i < count; ++i) body(i);
}
#endif

// Threads of ParallelWorkers.
class Workers {
 public:
  explicit Workers(int count) : count_(count), busy_(count), offers_(count) {}

  void Work(int worker, const std::function<void(int)>& body) {
    of_thread = this;
    member = worker;
    body(worker);
    of_thread = nullptr;
    --busy_;
    for (int idle = 0; busy_ > 0; ++idle) {
      if (Help(worker)) idle = 0;
      // Longer than most layers of a model.
      if (idle > 10'000) std::this_thread::yield();
    }
  }

  bool SomeoneIsFree() const { return busy_.load(std::memory_order_relaxed) < count_; }

  void ShareWithHelper(int64_t count, const std::function<void(int, int64_t, int64_t)>& body) {
    Offer offer{.count = count, .pieces = std::min<int64_t>(count, 16), .body = &body};
    std::atomic<Offer*>& place = offers_[member].offer;
    place = &offer;
    offer.Take(0);
    if (place.exchange(nullptr)) return;  // nobody came
    while (!offer.helped) Pause();
  }

  // Null on other threads, and in those that are done with their body.
  static thread_local Workers* of_thread;

 private:
  struct Offer {
    int64_t count, pieces;
    const std::function<void(int, int64_t, int64_t)>* body;
    std::atomic<int64_t> next = 0;
    std::atomic<bool> helped = false;

    void Take(int slot) {
      for (int64_t k = next++; k < pieces; k = next++) {
        (*body)(slot, count * k / pieces, count * (k + 1) / pieces);
      }
    }
  };
  struct alignas(64) Place {
    std::atomic<Offer*> offer = nullptr;
  };

  // Whoever takes an offer out of its place is its only helper.
  bool Help(int helper) {
    for (int i = 1; i < count_; ++i) {
      std::atomic<Offer*>& place = offers_[(helper + i) % count_].offer;
      Offer* offer = place.load(std::memory_order_relaxed) ? place.exchange(nullptr) : nullptr;
      if (!offer) continue;
      offer->Take(1);
      offer->helped = true;
      return true;
    }
    Pause();
    return false;
  }

  static void Pause() {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
  }

  static thread_local int member;
  const int count_;
  std::atomic<int> busy_;
  std::vector<Place> offers_;
};

thread_local Workers* Workers::of_thread = nullptr;
thread_local int Workers::member = 0;

}  // namespace

void SetNumThreads(int num_threads) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  omp_set_num_threads(num_threads > 0 ? num_threads : cores);
}

int NumThreads() { return omp_get_max_threads(); }

void ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  const int64_t most = (count + grain - 1) / std::max<int64_t>(grain, 1);
  const int threads = static_cast<int>(std::min<int64_t>(NumThreads(), most));
  if (threads <= 1 || InParallel()) {
    if (count > 0) body(0, count);
    return;
  }
  OnThreads(threads, [&](int i) { body(count * i / threads, count * (i + 1) / threads); });
}

void ParallelShares(int64_t count, int slots,
                    const std::function<void(int, int64_t, int64_t)>& body) {
  if (slots > 1 && Workers::of_thread && Workers::of_thread->SomeoneIsFree()) {
    Workers::of_thread->ShareWithHelper(count, body);
    return;
  }
  const int threads = std::min(slots, NumThreads());
  if (threads <= 1 || InParallel()) {
    if (count > 0) body(0, 0, count);
    return;
  }
  constexpr int64_t kPieces = 8;  // of a share
  struct alignas(64) Share {
    std::atomic<int64_t> next = 0;
  };
  std::vector<Share> shares(slots);
  OnThreads(threads, [&](int slot) {
    for (int i = 0; i < slots; ++i) {
      const int owner = (slot + i) % slots;
      const int64_t first = count * owner / slots, size = count * (owner + 1) / slots - first;
      const int64_t pieces = std::min(size, kPieces);
      for (int64_t k = shares[owner].next++; k < pieces; k = shares[owner].next++) {
        body(slot, first + size * k / pieces, first + size * (k + 1) / pieces);
      }
    }
  });
}

int ShareSlots() { return std::max(NumThreads(), 2); }

void ParallelWorkers(int count, const std::function<void(int)>& body) {
  if (count <= 1 || InParallel()) {
    for (int worker = 0; worker < count; ++worker) body(worker);
    return;
  }
  Workers workers(count);
  OnThreads(count, [&](int worker) { workers.Work(worker, body); });
}

void RunTasks(int64_t count, const std::function<void(int64_t)>& body) {
  std::vector<std::exception_ptr> errors(count);
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      try {
        body(i);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min<int64_t>(NumThreads(), count); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace adze
