#include <algorithm>
#include <cmath>

#include "adze/error.h"
#include "adze/statistics.h"

namespace adze {
namespace {

__extension__ using Int128 = __int128;

constexpr int kFractionBits = 40;

Int128 Join(const ChannelStatistics::FixedSum& sum) {
  return static_cast<Int128>(sum.high) * (static_cast<Int128>(1) << 64) + sum.low;
}

ChannelStatistics::FixedSum Split(Int128 units) {
  return {static_cast<int64_t>(units >> 64), static_cast<uint64_t>(units)};
}

}  // namespace

void ChannelStatistics::FixedSum::Add(double value) {
  // 2^24 samples of the largest magnitude still fit.
  constexpr double kMost = 0x1p103;
  const double units = std::clamp(std::nearbyint(std::ldexp(value, kFractionBits)), -kMost, kMost);
  *this = Split(Join(*this) + static_cast<Int128>(units));
}

void ChannelStatistics::FixedSum::Add(const FixedSum& other) {
  *this = Split(Join(*this) + Join(other));
}

double ChannelStatistics::FixedSum::value() const {
  return std::ldexp(static_cast<double>(Join(*this)), -kFractionBits);
}

void ChannelStatistics::Observe(std::span<const float> sample, int64_t channels) {
  Check(channels > 0 && sample.size() % channels == 0, "values of whole channels");
  if (empty()) {
    max_abs.resize(channels);
    sums.resize(channels);
  }
  Check(static_cast<int64_t>(max_abs.size()) == channels, "a tensor keeps its channels");
  std::vector<double> own(channels);
  for (size_t at = 0; at < sample.size(); at += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      own[c] += sample[at + c];
      max_abs[c] = std::max(max_abs[c], std::abs(sample[at + c]));
    }
  }
  for (int64_t c = 0; c < channels; ++c) sums[c].Add(own[c]);
  count += sample.size() / channels;
}

void ChannelStatistics::Merge(const ChannelStatistics& other) {
  if (other.empty()) return;
  if (empty()) {
    *this = other;
    return;
  }
  Check(max_abs.size() == other.max_abs.size(), "a tensor keeps its channels");
  for (size_t c = 0; c < max_abs.size(); ++c) {
    max_abs[c] = std::max(max_abs[c], other.max_abs[c]);
    sums[c].Add(other.sums[c]);
  }
  count += other.count;
}

}  // namespace adze
