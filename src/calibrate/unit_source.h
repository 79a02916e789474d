#pragma once

#include <map>
#include <mutex>
#include <string>

#include "adze/dataset.h"

namespace adze {

// Samples that are run together.
struct Unit {
  int64_t first_sample = 0, samples = 0;
  std::map<std::string, Tensor> feeds;
};

// Hands out the samples of a data set in order, to any number of threads.
class UnitSource {
 public:
  UnitSource(const Dataset& data, int64_t batch_size, int num_readers);

  // The first batch, before anything was handed out.
  const Unit& First();
  // The next batch, or the next sample of it, or false if the next sample is not below `end`. What
  // reading a batch threw is thrown once, `unit->first_sample` being the first one of the batch.
  bool Next(int64_t end, bool by_sample, Unit* unit);
  // Nothing is handed out any more.
  void Stop();
  int64_t position() const { return next_; }

 private:
  void ReadBatch();

  const int64_t size_, batch_size_;
  BatchReader reader_;
  std::mutex mutex_;
  Unit batch_;        // the one that is handed out
  int64_t next_ = 0;  // sample
  bool stopped_ = false;
};

}  // namespace adze
