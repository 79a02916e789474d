#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace adze {

// A symmetric tridiagonal matrix: n entries on the diagonal, n - 1 beside it.
struct Tridiagonal {
  std::vector<double> diagonal, beside;
  int64_t size() const { return static_cast<int64_t>(diagonal.size()); }
};

// All eigenvalues, largest first, by bisection: each within 1e-14 of the matrix's norm.
std::vector<double> Eigenvalues(const Tridiagonal& matrix);

// Eigenvectors to the first `count` of these eigenvalues by inverse iteration, orthonormal,
// column-major n x count. Those to eigenvalues that are nearly the same are made orthogonal to each
// other; the others are by themselves.
std::vector<float> LeadingEigenvectors(const Tridiagonal& matrix, std::span<const double> values,
                                       int64_t count);

}  // namespace adze
