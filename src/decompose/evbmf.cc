#include "decompose/evbmf.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "adze/error.h"
#include "decompose/bounded_minimum.h"

namespace adze {
namespace {

// The free energy as a function of the noise's variance; what does not depend on it is left out.
struct FreeEnergy {
  std::span<const double> eigenvalues;
  double columns, alpha, bound;  // alpha: rows / columns

  double operator()(double variance) const {
    double noise = 0, signal = 0, signal_log = 0, signal_alpha = 0;
    for (double eigenvalue : eigenvalues) {
      const double x = eigenvalue / (columns * variance);
      if (x <= bound) {
        noise += x - std::log(x);
        continue;
      }
      const double y = x - (1 + alpha);
      const double tau = 0.5 * (y + std::sqrt(y * y - 4 * alpha));
      signal += x - tau;
      signal_log += std::log((tau + 1) / x);
      signal_alpha += std::log(tau / alpha + 1);
    }
    return noise + signal + signal_log + alpha * signal_alpha;
  }
};

}  // namespace

EvbmfSolution SolveEvbmf(std::span<const double> given, int64_t columns) {
  const auto rows = static_cast<int64_t>(given.size());
  Check(rows > 0 && rows <= columns, "rows of a matrix for EVBMF");
  EvbmfSolution solution;
  if (!(given[0] > 0)) return solution;  // all zero: no signal
  std::vector<double> eigenvalues(given.begin(), given.end());
  for (double& value : eigenvalues) value = std::max(value, 1e-10 * given[0]);

  const auto l = static_cast<double>(rows), m = static_cast<double>(columns);
  const double alpha = l / m, tau = 2.5129 * std::sqrt(alpha);
  const double bound = (1 + tau) * (1 + alpha / tau);
  const int64_t head = std::max<int64_t>(
      0, std::min(static_cast<int64_t>(std::ceil(l / (1 + alpha))) - 1, rows) - 1);
  const auto sum = [&](int64_t first) {
    return std::accumulate(eigenvalues.begin() + first, eigenvalues.end(), 0.0);
  };
  solution.upper_bound = sum(0) / (l * m);
  solution.lower_bound = sum(head) / static_cast<double>(rows - head) / m;
  if (head + 1 < rows) {
    solution.lower_bound = std::max(solution.lower_bound, eigenvalues[head + 1] / (m * bound));
  }
  solution.noise_variance = solution.lower_bound > solution.upper_bound
                                ? 0.5 * (solution.lower_bound + solution.upper_bound)
                                : BoundedMinimum(FreeEnergy{eigenvalues, m, alpha, bound},
                                                 solution.lower_bound, solution.upper_bound);
  solution.threshold = std::sqrt(m * solution.noise_variance * bound);
  solution.rank = std::count_if(eigenvalues.begin(), eigenvalues.end(), [&](double value) {
    return std::sqrt(value) > solution.threshold;
  });
  return solution;
}

int64_t AmctRank(int64_t evbmf_rank, int64_t rows, int64_t fewer_channels) {
  const int64_t divisor = fewer_channels >= 256 ? 4 : 6;
  const int64_t rank = std::max(std::min(evbmf_rank, rows / divisor), rows / (divisor + 1));
  int64_t rounded = std::max<int64_t>(16, (rank + 8) / 16 * 16);
  if (static_cast<double>(rounded) < 0.9 * static_cast<double>(rank)) rounded += 16;
  return std::min(rounded, rows);
}

}  // namespace adze
