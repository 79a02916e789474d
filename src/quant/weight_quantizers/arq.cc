// ARQ: the range of each channel (reference/amct-algorithms section 4).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "adze/error.h"
#include "adze/weight_quantizer.h"
#include "quant/channel_layout.h"

namespace adze {
namespace {

bool AllFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000u;
  uint32_t all = 1;
  for (const float value : values) {
    all &= (std::bit_cast<uint32_t>(value) & kExponent) != kExponent;
  }
  return all != 0;
}

void RequireFinite(std::span<const float> values, const ChannelLayout& layout) {
  layout.ForEach(values.size(), [&](size_t i, int64_t channel) {
    Require(std::isfinite(values[i]), ErrorCode::kInvalidArgument, "weight element ", i,
            std::isnan(values[i]) ? " is NaN" : " is Inf", " (output channel ", channel, ")");
  });
}

}  // namespace

QuantParams WeightParamsArq(const Tensor& weight, const std::vector<int>& channel_axes,
                            int num_bits) {
  Check(num_bits >= 2 && num_bits <= 8, "bits of a weight");
  const ChannelLayout layout = LayoutOfChannels(weight.shape(), channel_axes);
  std::vector<float> min(layout.channels, 0), max(layout.channels, 0);
  const std::span<const float> values = weight.data<float>();
  if (layout.inner == 1) {
    // A row holds every channel once: loops that compilers turn into vectors.
    const auto channels = static_cast<size_t>(layout.channels);
    for (size_t first = 0; first < values.size(); first += channels) {
      const std::span<const float> row = values.subspan(first, channels);
      if (!AllFinite(row)) RequireFinite(values, layout);
      for (size_t c = 0; c < channels; ++c) min[c] = row[c] < min[c] ? row[c] : min[c];
      for (size_t c = 0; c < channels; ++c) max[c] = row[c] > max[c] ? row[c] : max[c];
    }
  } else {
    RequireFinite(values, layout);
    layout.ForEach(values.size(), [&](size_t i, int64_t channel) {
      min[channel] = std::min(min[channel], values[i]);
      max[channel] = std::max(max[channel], values[i]);
    });
  }
  const QuantSpec spec{.num_bits = num_bits, .symmetric = true};
  QuantParams params{spec, {}, {}};
  for (int64_t c = 0; c < layout.channels; ++c) {
    params.scale.push_back(ParamsFromRange(min[c], max[c], spec).scale[0]);
    params.zero_point.push_back(0);
  }
  return params;
}

void register_arq(WeightQuantizerRegistry& quantizers) {
  quantizers.Add({.name = "arq",
                  .summary = "the range of each channel",
                  .compute = [](const Tensor& weight, const std::vector<int>& channel_axes,
                                const WeightConfig& config) -> WeightFactors {
                    return {WeightParamsArq(weight, channel_axes, config.num_bits)};
                  }});
}

}  // namespace adze
