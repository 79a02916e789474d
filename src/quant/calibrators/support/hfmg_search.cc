#include "quant/calibrators/support/hfmg_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace adze {

std::vector<BinRange> HfmgCandidates(const std::vector<uint64_t>& bins) {
  const auto size = static_cast<int>(bins.size());
  const uint64_t all = std::accumulate(bins.begin(), bins.end(), uint64_t{0});
  const uint64_t step = std::max<uint64_t>((all + 99'999) / 100'000, 1);
  const int fewest = (size + 3) / 4;
  std::vector<BinRange> candidates;
  int left = 0, right = size - 1;
  while (right - left > fewest) {
    int next_left = left, next_right = right;
    for (uint64_t sum = 0; next_left < right && sum < step; ++next_left) sum += bins[next_left];
    for (uint64_t sum = 0; next_right > left && sum < step; --next_right) sum += bins[next_right];
    if (right - next_right >= next_left - left) {
      right = next_right;
    } else {
      left = next_left;
    }
    candidates.emplace_back(left, right);
  }
  return candidates;
}

HfmgLoss::HfmgLoss(const std::vector<uint64_t>& bins, int64_t levels) : levels_(levels) {
  Moments below;
  for (const uint64_t bin : bins) {
    const auto count = static_cast<double>(bin), x = static_cast<double>(counts_.size());
    counts_.push_back(count);
    prefix_.push_back(below);
    below.m0 += count;
    below.m1 += count * (x + 0.5);
    below.m2 += count * (x * x + x + 1.0 / 3);
  }
  prefix_.push_back(below);
}

HfmgLoss::Moments HfmgLoss::Below(double x) const {
  if (x <= 0) return {};
  const auto size = static_cast<double>(counts_.size());
  if (x >= size) return prefix_.back();
  const auto i = static_cast<size_t>(x);
  const double at = std::floor(x), part = x - at, count = counts_[i];
  return {prefix_[i].m0 + count * part, prefix_[i].m1 + count * part * (at + part / 2),
          prefix_[i].m2 + count * part * (at * at + part * (at + part / 3))};
}

double HfmgLoss::Of(BinRange range) const {
  const double length = (range.second - range.first + 1) / static_cast<double>(levels_);
  const double half = length / 2, part_loss = half * half * half / 3;
  const auto last = static_cast<double>(levels_ - 1);
  const auto part_of = [&](double x) { return std::clamp(std::floor(x / length), 0.0, last); };
  const auto cube_third = [](double x) { return x * x * x / 3; };
  double loss = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const double begin = static_cast<double>(i) - range.first, end = begin + 1;
    const double first = part_of(begin), final = part_of(end);
    const double to_begin = begin - (first * length + half), to_end = end - (final * length + half);
    const double inside = first == final ? cube_third(to_end) - cube_third(to_begin)
                                         : part_loss - cube_third(to_begin) +
                                               (final - first - 1) * 2 * part_loss +
                                               cube_third(to_end) + part_loss;
    loss += counts_[i] * inside;
  }
  return loss;
}

std::pair<double, double> HfmgLoss::BoundsOf(BinRange range) const {
  const Moments all = prefix_.back();
  const double begin = range.first, bins = range.second - range.first + 1;
  const auto levels = static_cast<double>(levels_);
  const double length = bins / levels;
  const auto squares_around = [](const Moments& m, double c) {
    return m.m2 + c * (c * m.m0 - 2 * m.m1);
  };
  const auto minus = [](const Moments& a, const Moments& b) {
    return Moments{a.m0 - b.m0, a.m1 - b.m1, a.m2 - b.m2};
  };
  // Sums of squares of the whole range are taken away from one another.
  const double rounding = 1e-12 * squares_around(all, begin);
  if (levels_ < static_cast<int64_t>(counts_.size())) {
    double loss = 0;
    Moments before;
    for (int64_t j = 0; j < levels_; ++j) {
      const double low = begin + static_cast<double>(j) * length;
      const Moments below = j + 1 == levels_ ? all : Below(low + length);
      loss += squares_around(minus(below, before), low + length / 2);
      before = below;
    }
    return {loss - rounding, loss + rounding};
  }
  // What the end parts take is exact. Between them the integral of the squared distance over a bin
  // differs from length^2 / 12 by what broken parts at its ends may add, at most 0.01604 length^3
  // each.
  const double low = begin + length, high = begin + bins - length;
  const Moments below = Below(low), until = Below(high);
  const double outside = squares_around(below, low - length / 2) +
                         squares_around(minus(all, until), high + length / 2);
  const double inside = (until.m0 - below.m0) * length * length / 12;
  const double broken = 2 * 0.01604 * length * length * length *
                        (Below(std::ceil(high)).m0 - Below(std::floor(low)).m0);
  return {outside + inside - broken - rounding, outside + inside + broken + rounding};
}

BinRange LeastHfmgLoss(const std::vector<uint64_t>& bins, int64_t levels) {
  const HfmgLoss loss(bins, levels);
  const std::vector<BinRange> candidates = HfmgCandidates(bins);
  std::vector<double> at_least;
  double least = std::numeric_limits<double>::infinity();
  for (const BinRange& candidate : candidates) {
    const auto [low, high] = loss.BoundsOf(candidate);
    at_least.push_back(low);
    least = std::min(least, high);
  }
  BinRange best(0, static_cast<int>(bins.size()) - 1);
  double best_loss = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (at_least[i] > least) continue;
    const double exact = loss.Of(candidates[i]);
    if (exact < best_loss) {
      best_loss = exact;
      best = candidates[i];
    }
  }
  return best;
}

}  // namespace adze
