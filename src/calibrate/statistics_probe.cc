#include "calibrate/statistics_probe.h"

#include <cmath>
#include <utility>

#include "adze/error.h"
#include "adze/parallel.h"
#include "calibrate/factors.h"

namespace adze {

StatisticsProbe::StatisticsProbe(const std::vector<PlannedLayer>& plan, const Dataset& data,
                                 int num_threads)
    : data_(data), num_threads_(num_threads) {
  for (const PlannedLayer& layer : plan) {
    if (!layer.skip_reason.empty()) continue;
    const Value value = DataOf(layer);
    auto [found, is_new] = taps_.try_emplace({value.node, value.index});
    if (is_new) {
      found->second.layer = layer.name();
      found->second.parts.resize(num_threads);
      order_.push_back(value);
    }
    found->second.observe_channels |= layer.observe_channels;
  }
}

void StatisticsProbe::StartBatch(int64_t first_sample, int64_t samples) {
  first_sample_ = first_sample;
  samples_ = samples;
}

bool StatisticsProbe::Wants(Value value) const { return taps_.contains({value.node, value.index}); }

void StatisticsProbe::OnValue(Value value, const Tensor& tensor) {
  Tap& tap = taps_.at({value.node, value.index});
  const std::span<const float> values = tensor.data<float>();
  // Below this, waking a thread costs more than it saves.
  constexpr int64_t kGrain = 1 << 15;
  const auto count = static_cast<int64_t>(values.size());
  const int64_t pieces = std::clamp<int64_t>(count / kGrain, 1, num_threads_);
  ParallelFor(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = count * i / pieces, to = count * (i + 1) / pieces;
      tap.parts[i].Observe(values.subspan(from, to - from));
    }
  });
  for (int64_t i = 0; i < pieces; ++i) {
    if (tap.parts[i].count_nonfinite() > 0) ThrowNotFinite(tap, tensor);
  }
  if (tap.observe_channels) ObserveChannels(tap, tensor);
}

// Sample by sample, because a sample's own sum is rounded; samples that cannot be told apart count
// as one.
void StatisticsProbe::ObserveChannels(Tap& tap, const Tensor& tensor) const {
  const Shape& shape = tensor.shape();
  const int64_t channels = shape.rank() > 0 ? shape[shape.rank() - 1] : 1;
  const bool rows = shape.rank() > 1 && samples_ > 0 && shape[0] % samples_ == 0;
  const int64_t parts = rows ? samples_ : 1, size = tensor.num_elements() / parts;
  for (int64_t i = 0; i < parts; ++i) {
    tap.channels.Observe(tensor.data<float>().subspan(i * size, size), channels);
  }
}

void StatisticsProbe::ThrowNotFinite(const Tap& tap, const Tensor& tensor) const {
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

Statistics StatisticsProbe::Take() {
  Statistics statistics;
  for (Value value : order_) {
    Tap& tap = taps_.at({value.node, value.index});
    TapStatistics& taken = statistics.taps.emplace_back();
    taken.tensor = ToString(value);
    taken.histogram = std::exchange(tap.parts[0], {});
    for (size_t i = 1; i < tap.parts.size(); ++i) {
      taken.histogram.Merge(std::exchange(tap.parts[i], {}));
    }
    taken.channels = std::exchange(tap.channels, {});
  }
  return statistics;
}

void StatisticsProbe::Put(Statistics statistics) {
  for (size_t i = 0; i < order_.size(); ++i) {
    Tap& tap = taps_.at({order_[i].node, order_[i].index});
    tap.parts[0] = std::move(statistics.taps[i].histogram);
    tap.channels = std::move(statistics.taps[i].channels);
  }
}

}  // namespace adze
