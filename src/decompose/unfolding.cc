#include "decompose/unfolding.h"

#include "adze/cancel.h"
#include "adze/parallel.h"

namespace adze {
namespace {

std::vector<int64_t> OffsetsOf(const std::vector<UnfoldedAxis>& axes) {
  std::vector<int64_t> offsets = {0};
  for (const UnfoldedAxis& axis : axes) {
    std::vector<int64_t> next;
    next.reserve(offsets.size() * axis.size);
    for (int64_t offset : offsets) {
      for (int64_t i = 0; i < axis.size; ++i) next.push_back(offset + i * axis.stride);
    }
    offsets = std::move(next);
  }
  return offsets;
}

}  // namespace

Unfolding::Unfolding(std::span<const float> kernel, const std::vector<UnfoldedAxis>& rows,
                     const std::vector<UnfoldedAxis>& columns)
    : kernel_(kernel), row_offsets_(OffsetsOf(rows)), column_offsets_(OffsetsOf(columns)) {}

SymmetricTiles Unfolding::Gram() const {
  constexpr int64_t kPanel = 256;
  const int64_t n = rows();
  SymmetricTiles gram(n);
  const int64_t all = gram.tiles() * SymmetricTiles::kTile;
  PackedRows<double> left;
  PackedColumns<double> right;
  for (int64_t first = 0; first < columns(); first += kPanel) {
    ThrowIfCancelled();
    const int64_t count = std::min(kPanel, columns() - first);
    if (left.depth() != count) {
      left.Resize(all, count);
      right.Resize(count, all);
    }
    ParallelFor(n, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t k = 0; k < count; ++k) {
          left.at(i, k) = right.at(k, i) = static_cast<double>(at(i, first + k));
        }
      }
    });
    gram.AddProduct(1, left, right, 0);
  }
  return gram;
}

std::vector<float> Unfolding::Project(std::span<const float> vectors) const {
  const int64_t n = rows(), count = static_cast<int64_t>(vectors.size()) / n;
  std::vector<float> product(count * columns());
  constexpr int64_t kStrip = 4 * kSlab<float>;
  ParallelFor((columns() + kStrip - 1) / kStrip, 1, [&](int64_t begin, int64_t end) {
    PackedRows<float> left;
    for (int64_t strip = begin; strip < end; ++strip) {
      const int64_t first = strip * kStrip, width = std::min(kStrip, columns() - first);
      left.Resize(width, n);
      for (int64_t k = 0; k < n; ++k) {
        for (int64_t j = 0; j < width; ++j) left.at(j, k) = at(k, first + j);
      }
      MultiplyPacked(left, 0, width, 0, n, ColumnsOf<float>(vectors.data(), n), count, 1.0f,
                     product.data() + first, columns());
    }
  });
  return product;
}

}  // namespace adze
