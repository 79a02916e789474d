#include "engine/integer/sums.h"

#include <algorithm>
#include <cmath>

namespace adze::integer {

std::vector<int32_t> StartOf(const ChannelSums& sums, int64_t zero, const Tensor* bias) {
  const size_t channels = sums.plain.size();
  std::vector<int32_t> start((channels + 63) / 64 * 64);
  for (size_t c = 0; c < channels; ++c) {
    int64_t value = -zero * sums.plain[c];
    if (bias) value += static_cast<int64_t>(static_cast<float>(bias->data<int32_t>()[c]));
    start[c] = static_cast<int32_t>(value);
  }
  return start;
}

std::vector<double> LargestOf(const ChannelSums& sums, const Tensor* bias) {
  std::vector<double> largest(sums.magnitude.size());
  for (size_t c = 0; c < largest.size(); ++c) {
    largest[c] = 255.0 * static_cast<double>(sums.magnitude[c]);
    if (bias) largest[c] += std::abs(static_cast<double>(bias->data<int32_t>()[c]));
  }
  return largest;
}

}  // namespace adze::integer
