#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace adze {

// Eigenvalues of a symmetric matrix, and the eigenvectors of the largest ones where they are asked
// for.
class SymmetricEigen {
 public:
  // `matrix` is n x n; only its lower triangle is read.
  SymmetricEigen(std::vector<double> matrix, int64_t n);

  std::span<const double> values() const { return values_; }  // largest first
  // Those of the `count` largest eigenvalues, orthonormal, one after another: [count, n].
  std::vector<double> LeadingVectors(int64_t count) const;

 private:
  int64_t n_;
  std::vector<double> values_, vectors_;
};

}  // namespace adze
