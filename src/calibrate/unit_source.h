#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "adze/dataset.h"
#include "calibrate/dataset_slice.h"

namespace adze {

// Samples that are run together.
struct Unit {
  int64_t first_sample = 0, samples = 0;
  std::map<std::string, Tensor> feeds;
};

// Hands out the samples of a data set in order, to any number of threads. Who takes them one by one
// has them read so too, behind the first batch: what waits in memory does not depend on its size.
class UnitSource {
 public:
  UnitSource(const Dataset& data, int64_t batch_size, int num_readers);

  // The first batch, before anything was handed out.
  const Unit& First();
  // The next batch, or the next sample, or false if the next sample is not below `end`; `by_sample`
  // is always the same. What reading threw is thrown once, `unit->first_sample` being the first one
  // that was to be read.
  bool Next(int64_t end, bool by_sample, Unit* unit);
  // Nothing is handed out any more.
  void Stop();
  int64_t position() const { return next_; }

 private:
  void ReadBatch();

  const Dataset& data_;
  const int64_t size_, batch_size_;
  const int num_readers_;
  std::optional<DatasetSlice> rest_;  // behind the first batch
  std::optional<BatchReader> reader_;
  int64_t read_size_ = 0;  // samples that it reads at a time
  std::mutex mutex_;
  Unit batch_;        // the one that is handed out
  int64_t next_ = 0;  // sample
  bool stopped_ = false;
};

}  // namespace adze
