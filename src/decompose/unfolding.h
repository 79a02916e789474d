#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace adze {

// A kernel seen as a matrix: rows are numbered by some of its axes, columns by the others.
struct UnfoldedAxis {
  int64_t size = 1, stride = 0;  // in elements of the kernel
};
class Unfolding {
 public:
  // The last axis of each list runs fastest.
  Unfolding(std::span<const float> kernel, std::vector<UnfoldedAxis> rows,
            std::vector<UnfoldedAxis> columns);

  int64_t rows() const { return static_cast<int64_t>(row_offsets_.size()); }
  int64_t columns() const { return static_cast<int64_t>(column_offsets_.size()); }
  double at(int64_t row, int64_t column) const {
    return kernel_[row_offsets_[row] + column_offsets_[column]];
  }
  // Columns first, first + 1, ... one after another: [count, rows].
  void CopyColumns(int64_t first, int64_t count, double* out) const;

  // M M^T, n x n for n rows, in float64. Both triangles.
  std::vector<double> Gram() const;
  // vectors M, [count, columns], for vectors [count, rows].
  std::vector<double> Project(std::span<const double> vectors) const;

 private:
  std::span<const float> kernel_;
  std::vector<int64_t> row_offsets_, column_offsets_;
};

}  // namespace adze
