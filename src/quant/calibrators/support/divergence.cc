#include "quant/calibrators/support/divergence.h"

#include <cmath>
#include <limits>

namespace adze {
namespace {

constexpr int kFewestBins = 128;

double XLogX(double x) { return x > 0 ? x * std::log(x) : 0; }

}  // namespace

// With p the counts, P their sum and q the merged ones, of sum Q:
//   sum p/P log((p/P) / (q/Q)) = (sum p log p - sum p log q) / P - log P + log Q.
// Prefix sums give sum p log p of any n bins, and q is one number within a level.
std::vector<double> Divergences(std::vector<uint64_t> bins, int levels) {
  const auto size = static_cast<int>(bins.size());
  bins[0] = bins[1];
  std::vector<double> count(size + 1), filled(size + 1), p_log_p(size + 1);
  for (int i = 0; i < size; ++i) {
    const auto p = static_cast<double>(bins[i]);
    count[i + 1] = count[i] + p;
    filled[i + 1] = filled[i] + (p > 0 ? 1 : 0);
    p_log_p[i + 1] = p_log_p[i] + XLogX(p);
  }
  const double all = count[size];
  std::vector<double> divergences;
  for (int n = kFewestBins; n <= size; ++n) {
    const double beyond = all - count[n], kept = count[n];
    const auto last = static_cast<double>(bins[n - 1]);
    if (kept == 0 || (last == 0 && beyond > 0)) {
      divergences.push_back(std::numeric_limits<double>::infinity());
      continue;
    }
    // With a level for each bin nothing changes but the last.
    double p_log_q =
        levels < n ? 0 : p_log_p[n - 1] + (last > 0 ? (last + beyond) * std::log(last) : 0);
    for (int level = 0; levels < n && level < levels; ++level) {
      // Bin i is of level floor(i levels / n).
      const auto first = static_cast<int>((int64_t{level} * n + levels - 1) / levels);
      const auto end = static_cast<int>((int64_t{level + 1} * n + levels - 1) / levels);
      const double part = count[end] - count[first];
      if (part == 0) continue;
      const double q = part / (filled[end] - filled[first]);
      p_log_q += (part + (end == n ? beyond : 0)) * std::log(q);
      if (end == n) break;
    }
    const double p_log_p_kept = p_log_p[n] - XLogX(last) + XLogX(last + beyond);
    divergences.push_back((p_log_p_kept - p_log_q) / all - std::log(all) + std::log(kept));
  }
  return divergences;
}

int LeastDivergence(const std::vector<uint64_t>& bins, int levels) {
  const std::vector<double> divergences = Divergences(bins, levels);
  size_t least = 0;
  for (size_t i = 0; i < divergences.size(); ++i) {
    if (divergences[i] <= divergences[least]) least = i;
  }
  return kFewestBins + static_cast<int>(least);
}

}  // namespace adze
