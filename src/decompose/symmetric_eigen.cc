#include "decompose/symmetric_eigen.h"

#include <Eigen/Eigenvalues>

#include "adze/error.h"

namespace adze {

SymmetricEigen::SymmetricEigen(std::vector<double> matrix, int64_t n) : n_(n) {
  // Row-major lower is column-major upper, which the solver does not read; so it is mirrored.
  Eigen::Map<Eigen::MatrixXd> a(matrix.data(), n, n);
  a.triangularView<Eigen::StrictlyLower>() = a.transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(a);
  Check(solver.info() == Eigen::Success, "eigenvalues converge");
  values_.assign(solver.eigenvalues().data(), solver.eigenvalues().data() + n);
  std::reverse(values_.begin(), values_.end());
  vectors_.assign(solver.eigenvectors().data(), solver.eigenvectors().data() + n * n);
}

std::vector<double> SymmetricEigen::LeadingVectors(int64_t count) const {
  Check(count >= 0 && count <= n_, "number of eigenvectors");
  std::vector<double> leading;
  leading.reserve(count * n_);
  for (int64_t i = 0; i < count; ++i) {
    const double* vector = vectors_.data() + (n_ - 1 - i) * n_;
    leading.insert(leading.end(), vector, vector + n_);
  }
  return leading;
}

}  // namespace adze
