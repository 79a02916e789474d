#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adze/float_histogram.h"

namespace adze {

// Per index of the last axis of a tensor; gathered where a plan asks for it
// (PlannedLayer::observe_channels).
struct ChannelStatistics {
  // A sum of float32 values in units of 2^-40: integers add up to the same whatever the order.
  struct FixedSum {
    int64_t high = 0;
    uint64_t low = 0;  // value = (high * 2^64 + low) * 2^-40
    void Add(double value);
    void Add(const FixedSum& other);
    double value() const;
    friend bool operator==(const FixedSum&, const FixedSum&) = default;
  };
  std::vector<float> max_abs;  // max |x| of each channel
  std::vector<FixedSum> sums;  // of x; a sample's own sum is rounded once
  uint64_t count = 0;          // values of each channel

  bool empty() const { return max_abs.empty(); }
  double Mean(size_t channel) const { return sums[channel].value() / static_cast<double>(count); }
  // `sample` is the part of a tensor that belongs to one sample: whole groups of `channels` values.
  void Observe(std::span<const float> sample, int64_t channels);
  void Merge(const ChannelStatistics& other);
  friend bool operator==(const ChannelStatistics&, const ChannelStatistics&) = default;
};

// What was seen of one tensor.
struct TapStatistics {
  std::string tensor;  // TensorFlow's text of the value, "conv1/Relu" or "split:1"
  FloatHistogram histogram;
  ChannelStatistics channels;  // empty where nobody asked for it
};

// Samples [begin, end) of a data set.
struct SampleRange {
  std::string data;  // name of the data set; "" where it has none
  int64_t begin = 0, end = 0;
  friend bool operator==(const SampleRange&, const SampleRange&) = default;
};

// What calibration knows of the data: for each tensor that a planned layer reads what a calibrator
// needs, in memory that does not grow with the data. The content does not depend on the order of
// the samples, on batches, threads or on how parts were merged.
struct Statistics {
  std::vector<TapStatistics> taps;   // in the order in which the graph computes them
  std::vector<SampleRange> samples;  // what was seen, ascending, no two meet or overlap

  int64_t num_samples() const;
  const TapStatistics* Find(std::string_view tensor) const;  // null if there is none
  // Adds what `other` saw. kInvalidArgument if it has other tensors or saw a sample that is in here
  // too.
  void Merge(const Statistics& other);
};

}  // namespace adze
