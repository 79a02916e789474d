#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "adze/dataset.h"

namespace adze {

// What may be done to training images, [N, height, width, channels] floats.
struct Augmentation {
  bool flip = false;  // left to right, half of them
  int64_t crop = 0;   // moved by up to so many pixels in both directions; 0 where nothing was
  // Contrast and, of three channels, saturation times 1 - color to 1 + color, and brightness moved
  // by up to color times the image's standard deviation; nothing leaves the image's own range.
  double color = 0;
  bool any() const { return flip || crop > 0 || color > 0; }
};

// Which part of every batch is this process's.
struct BatchPart {
  int index = 0, count = 1;
};

struct Batch {
  std::map<std::string, Tensor> feeds;
  std::vector<int64_t> classes;  // label + offset; empty without labels
};

// Some samples of another data set.
class ChosenSamples : public Dataset {
 public:
  ChosenSamples(const Dataset& data, std::vector<int64_t> indices)
      : data_(data), indices_(std::move(indices)) {}
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  // One sample at a time: begin + 1 == end.
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override;
  std::string SampleName(int64_t index) const override { return data_.SampleName(indices_[index]); }
  std::optional<int> Label(int64_t index) const override { return data_.Label(indices_[index]); }

 private:
  const Dataset& data_;
  std::vector<int64_t> indices_;
};

// Training batches by number. Which samples are in a batch and what is done to them follows from
// the seed and the numbers alone, so that a run can go on anywhere.
class TrainingBatches {
 public:
  TrainingBatches(const Dataset& data, int64_t batch_size, uint64_t seed, Augmentation augmentation,
                  int label_offset, BatchPart part = {});
  int64_t per_epoch() const { return per_epoch_; }
  // Batch `step` (from 0) of the run: each epoch runs over all samples in an order of its own. The
  // rest of an epoch that does not fill a batch is left out. Only the samples of this
  // process's part are read; which samples they are, and what is done to them, is the same for any
  // number of parts.
  Batch Read(int64_t step) const;

 private:
  const Dataset& data_;
  int64_t batch_size_, per_epoch_;
  uint64_t seed_;
  Augmentation augmentation_;
  int label_offset_;
  BatchPart part_;
  mutable int64_t ordered_epoch_ = -1;
  mutable std::vector<int64_t> order_;
};

}  // namespace adze
