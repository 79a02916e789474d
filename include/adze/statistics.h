#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adze/float_histogram.h"
#include "adze/graph.h"

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

// What decides the values that are seen, beside the samples. Statistics of different origin neither
// go together nor with another graph; an empty text says nothing.
struct StatisticsOrigin {
  std::string graph;    // GraphDigest of the prepared graph
  std::string feeding;  // how samples become feeds, in words
  friend bool operator==(const StatisticsOrigin&, const StatisticsOrigin&) = default;
};
// A short text that differs where nodes, attributes or weights do.
std::string GraphDigest(const Graph& graph);

// What calibration knows of the data: for each tensor that a planned layer reads what a calibrator
// needs, in memory that does not grow with the data. The content does not depend on the order of
// the samples, on batches, threads or on how parts were merged.
struct Statistics {
  std::vector<TapStatistics> taps;   // in the order in which the graph computes them
  std::vector<SampleRange> samples;  // what was seen, ascending, no two meet or overlap
  SampleRange rest;                  // what an interrupted run had still to see
  StatisticsOrigin origin;

  int64_t num_samples() const;
  const TapStatistics* Find(std::string_view tensor) const;  // null if there is none
  // kInvalidArgument says how the origin differs.
  void CheckOrigin(const StatisticsOrigin& wanted) const;
  // kInvalidArgument if samples are still to be seen.
  void CheckComplete() const;
  // Adds what `other` saw. kInvalidArgument if it is of another origin, has other tensors, or saw a
  // sample that is in here too.
  void Merge(const Statistics& other);
};

// A file of a version and with a checksum, written atomically; equal statistics give equal bytes.
// Reading throws kBadFile if it is not such a file, of another version, cut short or damaged.
void WriteStatistics(const Statistics& statistics, const std::filesystem::path& path);
Statistics ReadStatistics(const std::filesystem::path& path);
std::string SerializeStatistics(const Statistics& statistics);
Statistics ParseStatistics(std::string_view bytes);
// All of them as one; errors name the file. kInvalidArgument where Merge refuses or a file is not
// complete.
Statistics MergeStatistics(const std::vector<std::filesystem::path>& paths);

}  // namespace adze
