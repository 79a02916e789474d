#include "moments/cholesky.h"

#include <algorithm>
#include <cmath>

#include "adze/parallel.h"
#include "engine/matrix_product.h"

namespace adze {
namespace {

// The block on the diagonal; sums in double.
bool FactorBlock(float* a, int64_t n, int64_t stride) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = j; i < n; ++i) {
      double sum = a[i * stride + j];
      for (int64_t k = 0; k < j; ++k) {
        sum -= static_cast<double>(a[i * stride + k]) * a[j * stride + k];
      }
      if (i == j) {
        if (!(sum > 0)) return false;
        a[j * stride + j] = static_cast<float>(std::sqrt(sum));
      } else {
        a[i * stride + j] = static_cast<float>(sum / a[j * stride + j]);
      }
    }
  }
  return true;
}

// row := row * L^-T for a row beside the block L.
void SolveRow(const float* l, int64_t n, int64_t stride, float* row) {
  for (int64_t j = 0; j < n; ++j) {
    float sum = row[j];
    for (int64_t k = 0; k < j; ++k) sum -= row[k] * l[j * stride + k];
    row[j] = sum / l[j * stride + j];
  }
}

}  // namespace

std::optional<Cholesky> Cholesky::Of(std::vector<float> a, int64_t n) {
  for (int64_t k = 0; k < n; k += kBlock) {
    const int64_t width = std::min(kBlock, n - k), below = k + width;
    float* const diagonal = a.data() + k * n + k;
    if (!FactorBlock(diagonal, width, n)) return std::nullopt;
    ParallelFor(n - below, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        SolveRow(diagonal, width, n, a.data() + (below + i) * n + k);
      }
    });
    // What remains, in strips of columns, from the diagonal down.
    constexpr int64_t kStrip = 512;
    for (int64_t j = below; j < n; j += kStrip) {
      const int64_t columns = std::min(kStrip, n - j);
      float* const panel = a.data() + j * n + k;
      AddProduct(-1, {panel, n - j, width, n}, {panel, columns, width, n, true},
                 {a.data() + j * n + j, n - j, columns, n});
    }
  }
  return Cholesky(std::move(a), n);
}

}  // namespace adze
