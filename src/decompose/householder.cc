#include "decompose/householder.h"

#include <cmath>

#include "adze/parallel.h"
#include "decompose/vector_loops.h"

namespace adze {

double MakeReflection(double* x, int64_t n, double* tau) {
  *tau = 0;
  if (n == 0) return 0;
  const double alpha = x[0], rest = DotProduct(x + 1, x + 1, n - 1);
  x[0] = 1;
  if (rest == 0) return alpha;
  const double norm = std::sqrt(alpha * alpha + rest);
  const double beta = alpha >= 0 ? -norm : norm;
  *tau = (beta - alpha) / beta;
  const double inverse = 1 / (alpha - beta);
  for (int64_t i = 1; i < n; ++i) x[i] *= inverse;
  return beta;
}

std::vector<double> TriangleOf(const double* v, int64_t rows, int64_t count, const double* tau) {
  std::vector<double> t(count * count), dots(count * count);
  constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread
  ParallelFor(count, kGrain / rows + 1, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      for (int64_t i = 0; i < k; ++i) {
        dots[k * count + i] = DotProduct(v + i * rows, v + k * rows, rows);
      }
    }
  });
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t i = 0; i < k; ++i) {
      double sum = 0;
      for (int64_t j = i; j < k; ++j) sum += t[j * count + i] * dots[k * count + j];
      t[k * count + i] = -tau[k] * sum;
    }
    t[k * count + k] = tau[k];
  }
  return t;
}

}  // namespace adze
