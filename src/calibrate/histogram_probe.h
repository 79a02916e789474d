#pragma once

#include <map>
#include <string>
#include <vector>

#include "adze/calibrate.h"
#include "adze/float_histogram.h"
#include "adze/session.h"

namespace adze {

// Gathers, while a session runs, a histogram of every tensor that a planned layer reads; a tensor
// that several layers read is seen once. All cores share the work.
class HistogramProbe : public Probe {
 public:
  HistogramProbe(const std::vector<PlannedLayer>& plan, const Dataset& data);

  // Which sample the first row of the next tensors is; for errors.
  void StartBatch(int64_t first_sample, int64_t samples);
  bool Wants(Value value) const override;
  // kInvalidArgument naming layer and sample if the tensor holds NaN or Inf.
  void OnValue(Value value, const Tensor& tensor) override;
  // All that was seen of a tensor.
  FloatHistogram Merged(Value value) const;

 private:
  struct Tap {
    std::string layer;                       // the first that reads it
    std::vector<FloatHistogram> histograms;  // one a thread
  };
  [[noreturn]] void ThrowNotFinite(const Tap& tap, const Tensor& tensor) const;

  const Dataset& data_;
  std::map<std::pair<const Node*, int>, Tap> taps_;
  int64_t first_sample_ = 0, samples_ = 0;
};

}  // namespace adze
