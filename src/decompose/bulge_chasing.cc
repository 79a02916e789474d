#include "decompose/bulge_chasing.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>

#include "adze/cancel.h"
#include "adze/parallel.h"
#include "decompose/householder.h"

namespace adze {
namespace {

constexpr int64_t kMost = BandReduction::kWidth;

// D := H D H of a symmetric block of which the lower triangle is there.
void ReflectBothSides(double* d, int64_t stride, int64_t n, const double* v, double tau) {
  double w[kMost] = {};
  for (int64_t j = 0; j < n; ++j) {
    const double* column = d + j * stride;
    w[j] +=
        column[j] * v[j] + AddScaledAndDot(v[j], column + j + 1, w + j + 1, v + j + 1, n - j - 1);
  }
  const double half = -0.5 * tau * tau * DotProduct(w, v, n);
  for (int64_t i = 0; i < n; ++i) w[i] = tau * w[i] + half * v[i];
  for (int64_t j = 0; j < n; ++j) {
    AddTwoScaled(-w[j], v + j, -v[j], w + j, d + j * stride + j, n - j);
  }
}

// B := B (I - tau v vᵀ), rows x n.
void ReflectColumns(double* b, int64_t stride, int64_t rows, int64_t n, const double* v,
                    double tau) {
  double sum[kMost] = {};
  for (int64_t j = 0; j < n; ++j) AddScaled(v[j], b + j * stride, sum, rows);
  for (int64_t j = 0; j < n; ++j) AddScaled(-tau * v[j], sum, b + j * stride, rows);
}

}  // namespace

BulgeChasing::BulgeChasing(BandMatrix& band) : n_(band.n), width_(band.width) {
  const int64_t sweeps = std::max<int64_t>(0, n_ - 2);
  int64_t vectors = 0, taus = 0;
  for (int64_t s = 0; s < sweeps; ++s) {
    sweep_vectors_.push_back(vectors);
    sweep_taus_.push_back(taus);
    vectors += n_ - 1 - s;
    taus += (n_ - 1 - s + width_ - 1) / width_;
  }
  vectors_.resize(vectors);
  taus_.resize(taus);
  Chase(band, sweeps);
  for (int64_t i = 0; i < n_; ++i) {
    diagonal_.push_back(*band.at(i, i));
    if (i + 1 < n_) beside_.push_back(*band.at(i + 1, i));
  }
}

// Step t of sweep s makes the reflection that clears a column of the block left of the diagonal and
// applies it to that block, the one on the diagonal and the one below.
void BulgeChasing::Step(BandMatrix& band, int64_t sweep, int64_t step) {
  const int64_t stride = band.stride() - 1;
  const int64_t row = sweep + 1 + step * width_, length = std::min(width_, n_ - row);
  double* column = band.at(row, step > 0 ? row - width_ : sweep);
  double v[kMost], tau;
  std::copy_n(column, length, v);
  column[0] = MakeReflection(v, length, &tau);
  std::fill(column + 1, column + length, 0.0);
  const Place place = PlaceOf(sweep, step);
  std::copy_n(v, length, vectors_.data() + place.vector);
  taus_[place.tau] = static_cast<float>(tau);
  if (step > 0) {
    // What is right of the column that was just cleared, in the same rows.
    for (int64_t j = 1; j < width_; ++j) {
      double* x = column + j * stride;
      AddScaled(-tau * DotProduct(v, x, length), v, x, length);
    }
  }
  ReflectBothSides(band.at(row, row), stride, length, v, tau);
  const int64_t next = row + length, next_length = std::min(width_, n_ - next);
  if (next_length > 0) ReflectColumns(band.at(next, row), stride, next_length, length, v, tau);
}

// A step may begin when the sweep before is two steps further (Haidar et al. 2011). Some sweeps
// form a group that goes down the diagonal together, each three steps behind the one before, so
// that what they work on stays in the cache; threads take a group each. What a step computes does
// not depend on who comes when.
void BulgeChasing::Chase(BandMatrix& band, int64_t sweeps) {
  constexpr int64_t kGroup = 4, kLag = 3;
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  const int64_t groups = (sweeps + kGroup - 1) / kGroup;
  std::vector<std::atomic<int64_t>> waves(groups);  // that are over in a group
  RunTasks(groups, [&](int64_t group) {
    const auto chase = [&] {
      ThrowIfCancelled();
      const int64_t first = group * kGroup, last = std::min(first + kGroup, sweeps);
      for (int64_t wave = 0;; ++wave) {
        // The last sweep of the group before is then two steps further than the first of this one.
        const int64_t wanted = wave + kLag * kGroup;
        while (group > 0 && waves[group - 1].load(std::memory_order_acquire) < wanted) {
          std::this_thread::yield();
        }
        bool any = false;
        for (int64_t s = first; s < last; ++s) {
          const int64_t step = wave - kLag * (s - first);
          if (step >= 0 && HasStep(s, step)) Step(band, s, step);
          any |= step < 0 || HasStep(s, step);
        }
        if (!any) return;
        waves[group].store(wave + 1, std::memory_order_release);
      }
    };
    // Who waits for this group must go on, also if it failed.
    const auto finish = [&] { waves[group].store(kAll, std::memory_order_release); };
    try {
      chase();
    } catch (...) {
      finish();
      throw;
    }
    finish();
  });
}

void BulgeChasing::ApplyQ(float* x, int64_t stride, int64_t columns) const {
  const auto sweeps = static_cast<int64_t>(sweep_vectors_.size());
  // Reflections of the same step of some sweeps after each other are one block: (s, t) and (s', t')
  // commute unless their rows meet, so within a group of sweeps all of step t may come before all
  // of step t - 1.
  constexpr int64_t kSweeps = 32;
  const int64_t groups = (sweeps + kSweeps - 1) / kSweeps;
  PackedRows<float> transposed, vt;
  std::vector<float> y(kSweeps * columns);
  std::vector<double> v, tau(kSweeps), sum(width_ + kSweeps);
  for (int64_t group = groups - 1; group >= 0; --group) {
    const int64_t first = group * kSweeps, last = std::min(first + kSweeps, sweeps);
    for (int64_t step = 0; first + 1 + step * width_ < n_; ++step) {
      const int64_t top = first + 1 + step * width_;
      const int64_t rows = std::min(width_ + kSweeps, n_ - top);  // halves of slabs, if possible
      int64_t count = 0;
      v.assign(rows * kSweeps, 0.0);
      for (int64_t s = first; s < last; ++s) {
        const int64_t row = s + 1 + step * width_;
        if (row >= n_) break;
        const Place place = PlaceOf(s, step);
        std::copy_n(vectors_.data() + place.vector, std::min(width_, n_ - row),
                    v.data() + count * rows + (s - first));
        tau[count++] = taus_[place.tau];
      }
      const std::vector<double> t = TriangleOf(v.data(), rows, count, tau.data());
      transposed.Resize(count, rows);
      vt.Resize(rows, count);
      for (int64_t k = 0; k < count; ++k) {
        std::fill(sum.begin(), sum.end(), 0.0);
        for (int64_t j = 0; j <= k; ++j) {
          AddScaled(t[k * count + j], v.data() + j * rows, sum.data(), rows);
        }
        float* to = &transposed.at(k, 0);
        for (int64_t i = 0; i < rows; ++i) {
          to[i * kSlab<float>] = static_cast<float>(v[k * rows + i]);
          vt.at(i, k) = static_cast<float>(sum[i]);
        }
      }
      float* part = x + top;
      std::fill(y.begin(), y.end(), 0.0f);
      MultiplyPacked(transposed, 0, count, 0, rows, ColumnsOf<float>(part, stride), columns, 1.0f,
                     y.data(), count);
      MultiplyPacked(vt, 0, rows, 0, count, ColumnsOf<float>(y.data(), count), columns, -1.0f, part,
                     stride);
    }
  }
}

}  // namespace adze
