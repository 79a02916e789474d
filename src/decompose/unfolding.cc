#include "decompose/unfolding.h"

#include <Eigen/Dense>
#include <algorithm>

namespace adze {
namespace {

constexpr int64_t kPanel = 256;

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

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;

}  // namespace

Unfolding::Unfolding(std::span<const float> kernel, std::vector<UnfoldedAxis> rows,
                     std::vector<UnfoldedAxis> columns)
    : kernel_(kernel), row_offsets_(OffsetsOf(rows)), column_offsets_(OffsetsOf(columns)) {}

void Unfolding::CopyColumns(int64_t first, int64_t count, double* out) const {
  for (int64_t j = 0; j < count; ++j) {
    const float* from = kernel_.data() + column_offsets_[first + j];
    for (int64_t i = 0; i < rows(); ++i) out[j * rows() + i] = from[row_offsets_[i]];
  }
}

std::vector<double> Unfolding::Gram() const {
  const int64_t n = rows();
  std::vector<double> gram(n * n), panel(kPanel * n);
  Eigen::Map<Matrix> sum(gram.data(), n, n);
  for (int64_t first = 0; first < columns(); first += kPanel) {
    const int64_t count = std::min(kPanel, columns() - first);
    CopyColumns(first, count, panel.data());
    const Eigen::Map<const Matrix> m(panel.data(), n, count);
    sum.selfadjointView<Eigen::Lower>().rankUpdate(m);
  }
  sum.triangularView<Eigen::StrictlyUpper>() = sum.transpose();
  return gram;
}

std::vector<double> Unfolding::Project(std::span<const double> vectors) const {
  const int64_t n = rows(), count = static_cast<int64_t>(vectors.size()) / n;
  std::vector<double> product(count * columns()), panel(kPanel * n);
  const Eigen::Map<const Matrix> p(vectors.data(), n, count);
  Eigen::Map<Matrix> out(product.data(), columns(), count);
  for (int64_t first = 0; first < columns(); first += kPanel) {
    const int64_t width = std::min(kPanel, columns() - first);
    CopyColumns(first, width, panel.data());
    const Eigen::Map<const Matrix> m(panel.data(), n, width);
    out.middleRows(first, width).noalias() = m.transpose() * p;
  }
  return product;
}

}  // namespace adze
