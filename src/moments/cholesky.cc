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

// The rows of x from `first` on, `count` of them, within the block on the diagonal: L⁻¹ x, or L⁻ᵀ
// x.
void SolveBlock(const std::vector<float>& l, int64_t n, int64_t first, int64_t count,
                int64_t columns, bool transposed, std::vector<float>* x) {
  ParallelFor(columns, 64, [&](int64_t begin, int64_t end) {
    for (int64_t step = 0; step < count; ++step) {
      const int64_t i = first + (transposed ? count - 1 - step : step);
      float* const row = x->data() + i * columns;
      const int64_t from = transposed ? i + 1 : first, to = transposed ? first + count : i;
      for (int64_t j = from; j < to; ++j) {
        const float times = transposed ? l[j * n + i] : l[i * n + j];
        const float* const other = x->data() + j * columns;
        for (int64_t c = begin; c < end; ++c) row[c] -= times * other[c];
      }
      const float diagonal = l[i * n + i];
      for (int64_t c = begin; c < end; ++c) row[c] /= diagonal;
    }
  });
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

void Cholesky::Solve(int64_t columns, std::vector<float>* x) const {
  const auto view = [&](int64_t row, int64_t column, int64_t rows, int64_t width, bool transposed) {
    return MatrixView{const_cast<float*>(l_.data()) + row * n_ + column, rows, width, n_,
                      transposed};
  };
  for (int64_t k = 0; k < n_; k += kBlock) {
    const int64_t rows = std::min(kBlock, n_ - k);
    if (k > 0) {
      AddProduct(-1, view(k, 0, rows, k, false), {x->data(), k, columns, columns},
                 {x->data() + k * columns, rows, columns, columns});
    }
    SolveBlock(l_, n_, k, rows, columns, false, x);
  }
  SolveTransposed(columns, x);
}

void Cholesky::SolveTransposed(int64_t columns, std::vector<float>* x) const {
  for (int64_t k = (n_ - 1) / kBlock * kBlock; k >= 0; k -= kBlock) {
    const int64_t rows = std::min(kBlock, n_ - k), below = k + rows;
    if (below < n_) {
      const MatrixView l{const_cast<float*>(l_.data()) + below * n_ + k, n_ - below, rows, n_,
                         true};
      AddProduct(-1, l, {x->data() + below * columns, n_ - below, columns, columns},
                 {x->data() + k * columns, rows, columns, columns});
    }
    SolveBlock(l_, n_, k, rows, columns, true, x);
  }
}

}  // namespace adze
