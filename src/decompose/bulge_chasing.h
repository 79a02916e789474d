#pragma once

#include "decompose/band_reduction.h"

namespace adze {

// The second stage: B = Q T Qᵀ with T tridiagonal, by chasing what sticks out of the band down the
// diagonal, a column after another.
class BulgeChasing {
 public:
  explicit BulgeChasing(BandMatrix& band);

  const std::vector<double>& diagonal() const { return diagonal_; }
  const std::vector<double>& beside() const { return beside_; }
  // x := Q x for `columns` columns of length n, one every `stride` elements.
  void ApplyQ(float* x, int64_t stride, int64_t columns) const;

 private:
  // The reflection that acts on rows s + 1 + t * width and following.
  struct Place {
    int64_t vector, tau;
  };
  Place PlaceOf(int64_t sweep, int64_t step) const {
    return {sweep_vectors_[sweep] + step * width_, sweep_taus_[sweep] + step};
  }
  bool HasStep(int64_t sweep, int64_t step) const { return sweep + 1 + step * width_ < n_; }
  void Step(BandMatrix& band, int64_t sweep, int64_t step);
  void Chase(BandMatrix& band, int64_t sweeps);

  int64_t n_, width_;
  std::vector<double> diagonal_, beside_;
  std::vector<int64_t> sweep_vectors_, sweep_taus_;
  std::vector<float> vectors_, taus_;
};

}  // namespace adze
