#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "adze/dataset.h"
#include "adze/error.h"

namespace adze {

// Workers take batch numbers in order and put what they read into a ring of slots; Next empties the
// slots in order. A worker may be at most a ring ahead of Next, which bounds the memory. Small
// batches have a longer ring: where all cores are busy a worker may be kept from its batch for as
// long as several of them take to run.
struct BatchReader::Impl {
  static constexpr int64_t kSamplesAhead = 8;

  struct Slot {
    bool full = false;
    std::map<std::string, Tensor> feeds;
    std::exception_ptr error;
  };

  Impl(const Dataset& data, int64_t batch_size, int num_threads)
      : data(data),
        batch_size(batch_size),
        num_batches((data.size() + batch_size - 1) / batch_size),
        slots(std::max<int64_t>(num_threads, kSamplesAhead / batch_size)) {
    for (int i = 0; i < num_threads; ++i) threads.emplace_back([this] { Work(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex);
      stopped = true;
    }
    room.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  Slot& SlotOf(int64_t batch) { return slots[batch % static_cast<int64_t>(slots.size())]; }

  void Work() {
    std::unique_lock lock(mutex);
    for (;;) {
      room.wait(lock, [&] {
        return stopped || taken == num_batches ||
               taken < given + static_cast<int64_t>(slots.size());
      });
      if (stopped || taken == num_batches) return;
      const int64_t batch = taken++;
      lock.unlock();
      Slot read;
      try {
        read.feeds = data.Read(batch * batch_size, std::min(data.size(), (batch + 1) * batch_size));
      } catch (...) {
        read.error = std::current_exception();
      }
      read.full = true;
      lock.lock();
      SlotOf(batch) = std::move(read);
      filled.notify_one();
    }
  }

  bool Next(std::map<std::string, Tensor>* feeds, int64_t* first_sample) {
    if (given == num_batches) return false;
    Slot slot;
    {
      std::unique_lock lock(mutex);
      filled.wait(lock, [&] { return SlotOf(given).full; });
      slot = std::exchange(SlotOf(given), {});
      if (first_sample) *first_sample = given * batch_size;
      ++given;
    }
    room.notify_all();
    if (slot.error) std::rethrow_exception(slot.error);
    *feeds = std::move(slot.feeds);
    return true;
  }

  const Dataset& data;
  const int64_t batch_size, num_batches;
  std::mutex mutex;
  std::condition_variable room, filled;
  std::vector<Slot> slots;
  int64_t taken = 0;  // batches that workers have begun
  int64_t given = 0;  // batches that Next has returned
  bool stopped = false;
  std::vector<std::thread> threads;
};

BatchReader::BatchReader(const Dataset& data, int64_t batch_size, int num_threads) {
  Require(batch_size > 0, ErrorCode::kInvalidArgument, "the batch size is ", batch_size,
          ", it must be 1 or more");
  impl_ = std::make_unique<Impl>(data, batch_size, std::max(num_threads, 1));
}

BatchReader::~BatchReader() = default;

bool BatchReader::Next(std::map<std::string, Tensor>* feeds, int64_t* first_sample) {
  return impl_->Next(feeds, first_sample);
}

}  // namespace adze
