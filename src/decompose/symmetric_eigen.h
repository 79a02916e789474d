#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decompose/symmetric_tiles.h"

namespace adze {

// Eigenvalues of a symmetric matrix, and the eigenvectors of the largest ones where they are asked
// for. In two stages, by way of a band matrix, so that nearly all work is products of matrices.
class SymmetricEigen {
 public:
  explicit SymmetricEigen(SymmetricTiles matrix);
  ~SymmetricEigen();

  int64_t size() const;
  std::span<const double> values() const;  // largest first, in float64
  // Those of the `count` largest eigenvalues, orthonormal, one after another: [count, size]. In
  // float32: what is lost of the matrix by projecting it on them is least where they are exact, so
  // their errors count squared only.
  std::vector<float> LeadingVectors(int64_t count) const;

  // Memory that is needed at most, the matrix's included, for so many vectors.
  static int64_t BytesFor(int64_t n, int64_t vectors);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adze
