#include "decompose/band_reduction.h"

#include <algorithm>
#include <functional>

#include "adze/cancel.h"
#include "adze/parallel.h"
#include "decompose/householder.h"

namespace adze {
namespace {

constexpr int64_t kTile = SymmetricTiles::kTile;

// Reduces rows x columns to upper triangular form; the reflections' vectors replace it below the
// diagonal.
void FactorPanel(double* a, int64_t rows, int64_t columns, double* tau, double* diagonal) {
  constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread
  for (int64_t k = 0; k < std::min(rows, columns); ++k) {
    double* v = a + k * rows + k;
    const int64_t length = rows - k;
    diagonal[k] = MakeReflection(v, length, &tau[k]);
    ParallelFor(columns - k - 1, kGrain / length + 1, [&](int64_t begin, int64_t end) {
      for (int64_t j = k + 1 + begin; j < k + 1 + end; ++j) {
        double* x = a + j * rows + k;
        AddScaled(-tau[k] * DotProduct(v, x, length), v, x, length);
      }
    });
  }
}

// Calls body(begin, end) for strips that cover the rows and begin slabs.
constexpr int64_t kStrip = 8 * kSlab<double>;
void ForStrips(int64_t rows, const std::function<void(int64_t, int64_t)>& body) {
  ParallelFor((rows + kStrip - 1) / kStrip, 1, [&](int64_t begin, int64_t end) {
    for (int64_t strip = begin; strip < end; ++strip) {
      body(strip * kStrip, std::min((strip + 1) * kStrip, rows));
    }
  });
}

}  // namespace

BandReduction::BandReduction(SymmetricTiles a) : n_(a.size()) {
  band_ = {n_, kWidth, std::vector<double>(n_ * 2 * kWidth)};
  for (int64_t first = 0; first < n_; first += kWidth) {
    ThrowIfCancelled();
    ReducePanel(a, first);
    if ((first + kWidth) % kTile == 0) a.DropColumn(first / kTile);
  }
}

void BandReduction::ReducePanel(SymmetricTiles& a, int64_t first) {
  const int64_t width = std::min(kWidth, n_ - first);
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = j; i < width; ++i)
      *band_.at(first + i, first + j) = a.at(first + i, first + j);
  }
  const int64_t begin = first + kWidth, rows = n_ - begin;
  if (rows <= 0) return;
  std::vector<double> panel(rows * kWidth);
  for (int64_t j = 0; j < kWidth; ++j) {
    for (int64_t i = 0; i < rows; ++i) panel[j * rows + i] = a.at(begin + i, first + j);
  }
  const int64_t count = std::min(rows, kWidth);
  std::vector<double> tau(count), diagonal(count);
  FactorPanel(panel.data(), rows, kWidth, tau.data(), diagonal.data());
  for (int64_t j = 0; j < kWidth; ++j) {
    for (int64_t i = 0; i <= std::min(j, rows - 1); ++i) {
      *band_.at(begin + i, first + j) = i == j ? diagonal[i] : panel[j * rows + i];
    }
  }
  // V with its zeros and ones.
  for (int64_t j = 0; j < count; ++j) {
    for (int64_t i = 0; i < j; ++i) panel[j * rows + i] = 0;
    panel[j * rows + j] = 1;
  }
  const std::vector<double> t = TriangleOf(panel.data(), rows, count, tau.data());
  blocks_.push_back(
      {rows, count, {panel.begin(), panel.begin() + count * rows}, {t.begin(), t.end()}});

  // A := Qᵀ A Q = A - V Wᵀ - W Vᵀ with W = Y - 1/2 V (Tᵀ Vᵀ Y), Y = A V T.
  const int64_t first_tile = begin / kTile, all = (a.tiles() - first_tile) * kTile;
  const int64_t skipped = begin - first_tile * kTile;  // rows of the first tile that are done
  PackedRows<double> left(all, 2 * count);             // V and W
  PackedRows<double> v_transposed(count, rows), vt_transposed(count, all);
  PackedColumns<double> right;
  right.Resize(2 * count, all);
  ForStrips(rows, [&](int64_t from, int64_t to) {
    double sum[kStrip];
    for (int64_t k = 0; k < count; ++k) {
      std::fill_n(sum, kStrip, 0.0);
      for (int64_t j = 0; j <= k; ++j) {
        AddScaled(t[k * count + j], panel.data() + j * rows + from, sum, to - from);
      }
      for (int64_t i = from; i < to; ++i) {
        vt_transposed.at(k, skipped + i) = sum[i - from];
        v_transposed.at(k, i) = left.at(skipped + i, k) = right.at(count + k, skipped + i) =
            panel[k * rows + i];
      }
    }
  });
  const std::vector<double> product = a.Multiply(vt_transposed, first_tile);  // Yᵀ
  std::vector<double> y(rows * count), s(count * count), vy(count * count);
  ForStrips(rows, [&](int64_t from, int64_t to) {
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t i = from; i < to; ++i) y[k * rows + i] = product[(skipped + i) * count + k];
    }
  });
  ParallelFor((count + kGroup - 1) / kGroup, 1, [&](int64_t from, int64_t to) {
    const int64_t column = from * kGroup;
    MultiplyPacked(v_transposed, 0, count, 0, rows, ColumnsOf(y.data() + column * rows, rows),
                   std::min(to * kGroup, count) - column, 1.0, vy.data() + column * count, count);
  });
  // S = Tᵀ Vᵀ Y
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = 0; j <= i; ++j) s[k * count + i] += t[i * count + j] * vy[k * count + j];
    }
  }
  ForStrips(rows, [&](int64_t from, int64_t to) {
    MultiplyPacked(left, skipped + from, to - from, 0, count, ColumnsOf(s.data(), count), count,
                   -0.5, y.data() + from, rows);
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t i = from; i < to; ++i) {
        left.at(skipped + i, count + k) = right.at(k, skipped + i) = y[k * rows + i];
      }
    }
  });
  a.AddProduct(-1, left, right, first_tile);
}

void BandReduction::ApplyQ(float* x, int64_t stride, int64_t columns) const {
  PackedRows<float> v, transposed;
  std::vector<float> y(kWidth * columns), ty(kWidth * columns);
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
    const int64_t rows = block->rows, count = block->count;
    v.Resize(rows, count);
    transposed.Resize(count, rows);
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t i = 0; i < rows; ++i) {
        v.at(i, k) = transposed.at(k, i) = block->v[k * rows + i];
      }
    }
    float* part = x + (n_ - rows);
    std::fill(y.begin(), y.end(), 0.0f);
    MultiplyPacked(transposed, 0, count, 0, rows, ColumnsOf<float>(part, stride), columns, 1.0f,
                   y.data(), count);
    for (int64_t j = 0; j < columns; ++j) {
      for (int64_t i = 0; i < count; ++i) {
        float sum = 0;
        for (int64_t k = i; k < count; ++k) sum += block->t[k * count + i] * y[j * count + k];
        ty[j * count + i] = sum;
      }
    }
    MultiplyPacked(v, 0, rows, 0, count, ColumnsOf<float>(ty.data(), count), columns, -1.0f, part,
                   stride);
  }
}

}  // namespace adze
