#include "decompose/symmetric_eigen.h"

#include <algorithm>

#include "adze/error.h"
#include "adze/parallel.h"
#include "decompose/bulge_chasing.h"
#include "decompose/tridiagonal.h"

namespace adze {

struct SymmetricEigen::Impl {
  explicit Impl(SymmetricTiles matrix)
      : n(matrix.size()), reduction(std::move(matrix)), chasing(reduction.band()) {
    tridiagonal = {chasing.diagonal(), chasing.beside()};
    values = Eigenvalues(tridiagonal);
  }
  int64_t n;
  BandReduction reduction;
  BulgeChasing chasing;
  Tridiagonal tridiagonal;
  std::vector<double> values;
};

SymmetricEigen::SymmetricEigen(SymmetricTiles matrix)
    : impl_(std::make_unique<Impl>(std::move(matrix))) {}
SymmetricEigen::~SymmetricEigen() = default;

int64_t SymmetricEigen::size() const { return impl_->n; }
std::span<const double> SymmetricEigen::values() const { return impl_->values; }

std::vector<float> SymmetricEigen::LeadingVectors(int64_t count) const {
  Check(count >= 0 && count <= impl_->n, "number of eigenvectors");
  std::vector<float> vectors = LeadingEigenvectors(impl_->tridiagonal, impl_->values, count);
  // Each thread some columns at a time, which stay in the cache, at a distance at which they do not
  // displace each other there; all threads have as many.
  constexpr int64_t kBytes = int64_t{12} << 20, kLine = 16;
  const int64_t n = impl_->n, stride = ((n + kLine - 1) / kLine | 1) * kLine;
  const int64_t cached = std::max<int64_t>(kBytes / (stride * int64_t{sizeof(float)}), 48);
  const int64_t rounds = (count + cached * NumThreads() - 1) / (cached * NumThreads());
  const int64_t strips = std::max<int64_t>(1, rounds * NumThreads());
  const int64_t strip = std::max<int64_t>(1, (count + strips - 1) / strips);
  ParallelFor((count + strip - 1) / strip, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> part(strip * stride);
    for (int64_t first = begin * strip; first < std::min(end * strip, count); first += strip) {
      const int64_t columns = std::min(strip, count - first);
      float* const from = vectors.data() + first * n;
      for (int64_t j = 0; j < columns; ++j) std::copy_n(from + j * n, n, part.data() + j * stride);
      impl_->chasing.ApplyQ(part.data(), stride, columns);
      impl_->reduction.ApplyQ(part.data(), stride, columns);
      for (int64_t j = 0; j < columns; ++j) std::copy_n(part.data() + j * stride, n, from + j * n);
    }
  });
  return vectors;
}

int64_t SymmetricEigen::BytesFor(int64_t n, int64_t vectors) {
  const int64_t reflections = n * n / 2 * 2 * static_cast<int64_t>(sizeof(float));
  return SymmetricTiles::BytesFor(n) + reflections +
         vectors * n * static_cast<int64_t>(sizeof(float));
}

}  // namespace adze
