#include "calibrate/histogram_probe.h"

#include <cmath>

#include "adze/error.h"
#include "adze/op.h"
#include "adze/parallel.h"

namespace adze {

HistogramProbe::HistogramProbe(const std::vector<PlannedLayer>& plan, const Dataset& data)
    : data_(data) {
  for (const PlannedLayer& layer : plan) {
    if (!layer.skip_reason.empty()) continue;
    const Value value = layer.node->input(layer.node->def()->quant->data_input);
    Tap& tap = taps_[{value.node, value.index}];
    if (!tap.histograms.empty()) continue;
    tap.layer = layer.node->name();
    tap.histograms.resize(NumThreads());
  }
}

void HistogramProbe::StartBatch(int64_t first_sample, int64_t samples) {
  first_sample_ = first_sample;
  samples_ = samples;
}

bool HistogramProbe::Wants(Value value) const { return taps_.contains({value.node, value.index}); }

void HistogramProbe::OnValue(Value value, const Tensor& tensor) {
  Tap& tap = taps_.at({value.node, value.index});
  const std::span<const float> values = tensor.data<float>();
  // Below this, waking a thread costs more than it saves.
  constexpr int64_t kGrain = 1 << 15;
  const auto count = static_cast<int64_t>(values.size());
  const int64_t pieces =
      std::clamp<int64_t>(count / kGrain, 1, static_cast<int64_t>(tap.histograms.size()));
  ParallelFor(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = count * i / pieces, to = count * (i + 1) / pieces;
      tap.histograms[i].Observe(values.subspan(from, to - from));
    }
  });
  for (int64_t i = 0; i < pieces; ++i) {
    if (tap.histograms[i].count_nonfinite() > 0) ThrowNotFinite(tap, tensor);
  }
}

void HistogramProbe::ThrowNotFinite(const Tap& tap, const Tensor& tensor) const {
  const std::span<const float> values = tensor.data<float>();
  size_t at = 0;
  while (at + 1 < values.size() && std::isfinite(values[at])) ++at;
  const size_t rows = static_cast<size_t>(std::max<int64_t>(samples_, 1));
  const int64_t row = static_cast<int64_t>(at / std::max<size_t>(values.size() / rows, 1));
  ErrorScope scope("layer", tap.layer);
  throw Error(ErrorCode::kInvalidArgument,
              std::string("its input holds ") + (std::isnan(values[at]) ? "NaN" : "Inf") + " for " +
                  data_.SampleName(first_sample_ + row) +
                  "; check the sample and the preprocessing, or skip the layer (--skip-layer)");
}

FloatHistogram HistogramProbe::Merged(Value value) const {
  FloatHistogram merged;
  for (const FloatHistogram& part : taps_.at({value.node, value.index}).histograms) {
    merged.Merge(part);
  }
  return merged;
}

}  // namespace adze
