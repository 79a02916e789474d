#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decompose/symmetric_tiles.h"

namespace adze {

// A kernel seen as a matrix: rows are numbered by some of its axes, columns by the others.
struct UnfoldedAxis {
  int64_t size = 1, stride = 0;  // in elements of the kernel
};
class Unfolding {
 public:
  // The last axis of each list runs fastest. The kernel must outlive this.
  Unfolding(std::span<const float> kernel, const std::vector<UnfoldedAxis>& rows,
            const std::vector<UnfoldedAxis>& columns);

  int64_t rows() const { return static_cast<int64_t>(row_offsets_.size()); }
  int64_t columns() const { return static_cast<int64_t>(column_offsets_.size()); }
  float at(int64_t row, int64_t column) const {
    return kernel_[row_offsets_[row] + column_offsets_[column]];
  }
  // M Mᵀ, in float64.
  SymmetricTiles Gram() const;
  // V M for V [count, rows], giving [count, columns].
  std::vector<float> Project(std::span<const float> vectors) const;

 private:
  std::span<const float> kernel_;
  std::vector<int64_t> row_offsets_, column_offsets_;
};

}  // namespace adze
