#include "decompose/symmetric_tiles.h"

#include <array>

#include "adze/parallel.h"

namespace adze {

SymmetricTiles::SymmetricTiles(int64_t n) : n_(n), tiles_((n + kTile - 1) / kTile) {
  for (int64_t i = 0; i < tiles_; ++i) {
    columns_.emplace_back().Resize((tiles_ - i) * kTile * kStride);
  }
}

int64_t SymmetricTiles::BytesFor(int64_t n) {
  const int64_t tiles = (n + kTile - 1) / kTile;
  return tiles * (tiles + 1) / 2 * kTile * kStride * static_cast<int64_t>(sizeof(double));
}

void SymmetricTiles::AddProduct(double factor, const PackedRows<double>& left,
                                const PackedColumns<double>& right, int64_t first) {
  const int64_t side = tiles_ - first;
  ParallelFor(side * (side + 1) / 2, 1, [&](int64_t begin, int64_t end) {
    int64_t row = first, column = first;
    for (int64_t i = 0; i < end; ++i) {
      if (i >= begin) {
        MultiplyPacked(left, (row - first) * kTile, kTile, 0, left.depth(),
                       right.from((column - first) * kTile), kTile, factor, tile(row, column),
                       kStride);
      }
      if (++column > row) {
        ++row;
        column = first;
      }
    }
  });
}

std::vector<double> SymmetricTiles::Multiply(const PackedRows<double>& v, int64_t first) const {
  // A tile stands for itself and its transpose and adds to two places, so the columns of tiles are
  // dealt out to lanes that have sums of their own: always the same, whatever the threads.
  constexpr int64_t kLanes = 4;
  const int64_t rows = v.rows(), size = rows * (tiles_ - first) * kTile;
  std::array<std::vector<double>, kLanes> sums;
  ParallelFor(kLanes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t lane = begin; lane < end; ++lane) {
      double* sum = (sums[lane] = std::vector<double>(size)).data();
      const auto add = [&](int64_t terms, const GroupedColumns<double>& right, int64_t columns) {
        MultiplyPacked(v, 0, rows, (terms - first) * kTile, kTile, right, kTile, 1.0,
                       sum + (columns - first) * kTile * rows, rows);
      };
      for (int64_t column = first; column < tiles_; ++column) {
        for (int64_t row = column; row < tiles_; ++row) {
          if ((row + column) % kLanes != lane) continue;
          const double* a = tile(row, column);
          add(row, ColumnsOf(a, kStride), column);
          if (row != column) add(column, ColumnsOf(a, kStride, true), row);
        }
      }
    }
  });
  ParallelFor(size, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      sums[0][i] = (sums[0][i] + sums[1][i]) + (sums[2][i] + sums[3][i]);
    }
  });
  return std::move(sums[0]);
}

}  // namespace adze
