#include "decompose/method.h"

#include <algorithm>

#include "engine/matrix_product.h"

namespace adze {

std::vector<double> TailShares(std::span<const double> eigenvalues) {
  std::vector<double> shares(eigenvalues.size() + 1);
  for (size_t i = eigenvalues.size(); i-- > 0;) {
    shares[i] = shares[i + 1] + std::max(eigenvalues[i], 0.0);
  }
  const double all = shares[0];
  if (all > 0) {
    for (double& share : shares) share /= all;
  }
  return shares;
}

SymmetricTiles OutputMoments(std::span<const float> matrix, int64_t rows, int64_t columns,
                             std::span<const float> moments) {
  std::vector<float> product(rows * columns), result(columns * columns);
  const auto view = [](std::span<const float> data, int64_t height, int64_t width,
                       bool transposed = false) {
    // Only read.
    return MatrixView{const_cast<float*>(data.data()), height, width, width, transposed};
  };
  const MatrixView m = view(matrix, rows, columns);
  if (!moments.empty()) {
    AddProduct(1, view(moments, rows, rows), m, view(product, rows, columns));
  }
  const MatrixView weighted = moments.empty() ? m : view(product, rows, columns);
  AddProduct(1, view(matrix, rows, columns, true), weighted, view(result, columns, columns));
  SymmetricTiles tiles(columns);
  constexpr int64_t kTile = SymmetricTiles::kTile;
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = j / kTile * kTile; i < columns; ++i) {
      tiles.tile(i / kTile, j / kTile)[j % kTile * SymmetricTiles::kStride + i % kTile] =
          0.5 * (static_cast<double>(result[i * columns + j]) + result[j * columns + i]);
    }
  }
  return tiles;
}

}  // namespace adze
