#pragma once

#include <map>
#include <string>
#include <vector>

#include "adze/calibrate.h"
#include "adze/session.h"
#include "adze/statistics.h"

namespace adze {

// Gathers, while a session runs, statistics of every tensor that a planned layer reads; a tensor
// that several layers read is seen once. Up to `num_threads` threads share the work.
class StatisticsProbe : public Probe {
 public:
  StatisticsProbe(const std::vector<PlannedLayer>& plan, const Dataset& data, int num_threads);

  // What it wants, in the plan's order.
  const std::vector<Value>& values() const { return order_; }
  // Which samples the rows of the next tensors are.
  void StartBatch(int64_t first_sample, int64_t samples);
  bool Wants(Value value) const override;
  // kInvalidArgument naming layer and sample if the tensor holds NaN or Inf.
  void OnValue(Value value, const Tensor& tensor) override;
  // Statistics of all that was seen, without `samples`; the probe is empty afterwards.
  Statistics Take();
  // Gives an empty probe what another took.
  void Put(Statistics statistics);

 private:
  struct Tap {
    std::string layer;                  // the first that reads it
    std::vector<FloatHistogram> parts;  // one a thread
    bool observe_channels = false;
    ChannelStatistics channels;
  };
  void ObserveChannels(Tap& tap, const Tensor& tensor) const;
  [[noreturn]] void ThrowNotFinite(const Tap& tap, const Tensor& tensor) const;

  const Dataset& data_;
  const int num_threads_;
  std::vector<Value> order_;
  std::map<std::pair<const Node*, int>, Tap> taps_;
  int64_t first_sample_ = 0, samples_ = 0;
};

}  // namespace adze
