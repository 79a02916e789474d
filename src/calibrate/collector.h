#pragma once

#include <algorithm>

#include "adze/calibrate.h"
#include "adze/cancel.h"

namespace adze {

// Runs the samples of a data set in order and gathers what planned layers read.
class Collector {
 public:
  virtual ~Collector() = default;
  // Samples up to `end`, or to the end of the batch that it is in. kCancelled after Ctrl-C.
  virtual void RunTo(int64_t end) = 0;
  // The next sample.
  virtual int64_t position() const = 0;
  // Of all that was run, without `samples` and origin. They are the caller's until given back by
  // Put.
  virtual Statistics Take() = 0;
  virtual void Put(Statistics statistics) = 0;
};

// Tells of batches that are done, whether samples are run in batches or one by one.
class BatchProgress {
 public:
  BatchProgress(const CalibrateOptions& options, int64_t samples)
      : options_(options), samples_(samples) {}

  void Add(int64_t samples) {
    const int64_t batches = (samples_ + options_.batch_size - 1) / options_.batch_size;
    const int64_t before = done_ / options_.batch_size;
    done_ += samples;
    const int64_t after =
        done_ == samples_ ? batches : std::min(batches, done_ / options_.batch_size);
    for (int64_t i = before + 1; options_.progress && i <= after; ++i) {
      if (!CancelRequested()) options_.progress(i, batches);
    }
  }

 private:
  const CalibrateOptions& options_;
  const int64_t samples_;
  int64_t done_ = 0;  // samples
};

}  // namespace adze
