#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "adze/quant.h"
#include "quant/raw_values.h"

namespace adze {

// HFMG as reference/amct-algorithms section 6 describes it, line by line and slow.
struct HfmgLiteral {
  using Range = std::pair<int, int>;
  std::vector<uint64_t> bins;
  double min = 0, max = 0;
  int num_bits = 8;

  double width() const { return (max - min) / static_cast<double>(bins.size()); }

  std::vector<Range> Candidates() const {
    const int n = static_cast<int>(bins.size());
    const double total =
        static_cast<double>(std::accumulate(bins.begin(), bins.end(), uint64_t{0}));
    int left = 0, right = n - 1;
    const double step = std::max(std::ceil(total / 100000), 1.0);
    const int min_bins = static_cast<int>(std::ceil(n / 4.0));
    std::vector<Range> candidates;
    while (right - left > min_bins) {
      int tl = left;
      double sum = 0;
      while (sum < step && tl != right) sum += static_cast<double>(bins[tl++]);
      int tr = right;
      sum = 0;
      while (sum < step && tr != left) sum += static_cast<double>(bins[tr--]);
      if (right - tr >= tl - left) {
        right = tr;
      } else {
        left = tl;
      }
      candidates.push_back({left, right});
    }
    return candidates;
  }

  double Loss(Range range) const {
    const auto [l, r] = range;
    const double w = width();
    const double K = std::pow(2, num_bits);
    const double D = w * (r - l + 1) / K;
    if (D < 1.192092896e-7) return 0;
    const auto j = [&](double x) { return std::clamp(std::floor(x / D), 0.0, K - 1); };
    const auto c = [&](double x) { return j(x) * D + D / 2; };
    double loss = 0;
    for (int i = 0; i < static_cast<int>(bins.size()); ++i) {
      const double a = (i - l) * w, e = a + w, density = static_cast<double>(bins[i]) / w;
      if (j(a) == j(e)) {
        loss += density * (std::pow(e - c(a), 3) - std::pow(a - c(a), 3)) / 3;
      } else {
        loss += density * ((std::pow(D / 2, 3) - std::pow(a - c(a), 3)) / 3 +
                           (j(e) - j(a) - 1) * 2 * std::pow(D / 2, 3) / 3 +
                           (std::pow(e - c(e), 3) + std::pow(D / 2, 3)) / 3);
      }
    }
    return loss;
  }

  Range Best() const {
    Range best;
    double least = std::numeric_limits<double>::infinity();
    for (const Range& candidate : Candidates()) {
      const double loss = Loss(candidate);
      if (loss < least) {
        least = loss;
        best = candidate;
      }
    }
    return best;
  }

  QuantParams Params(bool symmetric) const {
    const auto [l, r] = Best();
    return ParamsFromRange(static_cast<float>(min + l * width()),
                           static_cast<float>(min + (r + 1) * width()), {num_bits, symmetric});
  }
};

inline HfmgLiteral HfmgLiteralOf(const std::vector<float>& values, int num_bins, int num_bits) {
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return {RawBins(values, *min, *max, num_bins), *min, *max, num_bits};
}

}  // namespace adze
