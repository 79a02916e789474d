#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace adze {

// a = L Lᵀ of a symmetric positive definite matrix, float32, in blocks.
class Cholesky {
 public:
  static constexpr int64_t kBlock = 64;

  // `a` is n x n, row-major; only its lower triangle is read. nullopt if it is not positive
  // definite.
  static std::optional<Cholesky> Of(std::vector<float> a, int64_t n);

  int64_t size() const { return n_; }
  float at(int64_t row, int64_t column) const { return l_[row * n_ + column]; }
  // L itself; above the diagonal there is anything.
  const std::vector<float>& lower() const { return l_; }
  // x := (L Lᵀ)⁻¹ x and x := L⁻ᵀ x for x [n, columns], row-major.
  void Solve(int64_t columns, std::vector<float>* x) const;
  void SolveTransposed(int64_t columns, std::vector<float>* x) const;

 private:
  Cholesky(std::vector<float> l, int64_t n) : n_(n), l_(std::move(l)) {}

  int64_t n_;
  std::vector<float> l_;
};

}  // namespace adze
