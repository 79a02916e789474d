#pragma once

#include <cstdint>
#include <vector>

#include "decompose/packed.h"

namespace adze {

// A symmetric matrix in float64 as square tiles of its lower triangle, so that its parts lie
// together in memory. Tiles on the diagonal are whole; rows beyond n are zero.
class SymmetricTiles {
 public:
  static constexpr int64_t kTile = 192, kStride = kTile + 8;

  explicit SymmetricTiles(int64_t n);
  static int64_t BytesFor(int64_t n);

  int64_t size() const { return n_; }
  int64_t tiles() const { return tiles_; }  // along a side
  // Column-major with kStride; row >= column.
  double* tile(int64_t row, int64_t column) {
    return columns_[column].data() + Offset(row, column);
  }
  const double* tile(int64_t row, int64_t column) const {
    return columns_[column].data() + Offset(row, column);
  }
  double at(int64_t i, int64_t j) const {
    if (i < j) std::swap(i, j);
    return tile(i / kTile, j / kTile)[j % kTile * kStride + i % kTile];
  }
  // Gives back the memory of tiles that are no longer needed.
  void DropColumn(int64_t column) { columns_[column] = AlignedNumbers<double>(); }

  // Tiles from tile `first` on: += factor * left * right, `right` being the transpose of a matrix
  // of the same shape as `left`; both begin with the first tile's row.
  void AddProduct(double factor, const PackedRows<double>& left, const PackedColumns<double>& right,
                  int64_t first);
  // v A of the tiles from tile `first` on: v, packed, and the product, column-major, have as
  // many columns as these tiles have rows.
  std::vector<double> Multiply(const PackedRows<double>& v, int64_t first) const;

 private:
  int64_t Offset(int64_t row, int64_t column) const { return (row - column) * kTile * kStride; }

  int64_t n_, tiles_;
  std::vector<AlignedNumbers<double>> columns_;
};

}  // namespace adze
