#pragma once

#include "adze/dataset.h"

namespace adze {

// Samples [begin, end) of another data set, numbered from 0.
class DatasetSlice : public Dataset {
 public:
  DatasetSlice(const Dataset& data, int64_t begin, int64_t end)
      : data_(data), begin_(begin), end_(end) {}
  int64_t size() const override { return end_ - begin_; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    return data_.Read(begin_ + begin, begin_ + end);
  }
  std::string SampleName(int64_t index) const override { return data_.SampleName(begin_ + index); }
  std::optional<int> Label(int64_t index) const override { return data_.Label(begin_ + index); }

 private:
  const Dataset& data_;
  const int64_t begin_, end_;
};

}  // namespace adze
