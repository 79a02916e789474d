#pragma once

#include <vector>

#include "decompose/symmetric_tiles.h"

namespace adze {

// A symmetric matrix whose elements are zero further than `width` from the diagonal; room for twice
// as far. Column-major, from the diagonal down.
struct BandMatrix {
  int64_t n = 0, width = 0;
  std::vector<double> data = {};

  int64_t stride() const { return 2 * width; }
  // Of element (i, j), i >= j; the next row is the next element, the next column stride() - 1 on.
  double* at(int64_t i, int64_t j) { return data.data() + j * stride() + (i - j); }
};

// The first stage of reducing a symmetric matrix to a tridiagonal one: A = Q B Qᵀ with B of small
// band width, by blocks of Householder reflections (Bischof, Lang, Sun 2000). Nearly all of it are
// products of matrices.
class BandReduction {
 public:
  static constexpr int64_t kWidth = 64;

  // Uses up the matrix.
  explicit BandReduction(SymmetricTiles matrix);

  BandMatrix& band() { return band_; }
  // x := Q x for `columns` columns of length n, one every `stride` elements.
  void ApplyQ(float* x, int64_t stride, int64_t columns) const;

 private:
  // I - V T Vᵀ, acting on the last `rows` rows.
  struct Block {
    int64_t rows = 0, count = 0;
    std::vector<float> v;  // column-major, rows x count
    std::vector<float> t;  // column-major, count x count, upper triangle
  };
  void ReducePanel(SymmetricTiles& a, int64_t first);

  int64_t n_;
  BandMatrix band_;
  std::vector<Block> blocks_;
};

}  // namespace adze
