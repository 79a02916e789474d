#include "adze/shape.h"

#include <algorithm>

#include "adze/error.h"

namespace adze {

bool Shape::IsFullyKnown() const {
  return known_rank_ && std::all_of(dims_.begin(), dims_.end(), [](int64_t d) { return d >= 0; });
}

int64_t Shape::num_elements() const {
  constexpr int64_t kMost = int64_t{1} << 48;
  Require(IsFullyKnown(), ErrorCode::kBadFile, "shape ", ToString(), " is not fully known");
  int64_t product = 1;
  for (int64_t dim : dims_) {
    if (dim == 0) return 0;
  }
  for (int64_t dim : dims_) {
    Require(dim <= kMost / product, ErrorCode::kBadFile, "shape ", ToString(),
            " has more than 2^48 elements");
    product *= dim;
  }
  return product;
}

std::string Shape::ToString() const {
  if (!known_rank_) return "?";
  std::string text = "[";
  for (size_t i = 0; i < dims_.size(); ++i) {
    if (i) text += ", ";
    text += dims_[i] == kUnknown ? "?" : std::to_string(dims_[i]);
  }
  return text + "]";
}

int NormalizeAxis(int64_t axis, int rank) {
  Require(axis >= -rank && axis < rank, ErrorCode::kBadFile, "axis ", axis,
          " does not exist in a tensor of rank ", rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape BroadcastShapes(const Shape& a, const Shape& b) {
  if (!a.known_rank() || !b.known_rank()) return Shape::UnknownRank();
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> dims(rank);
  for (int i = 0; i < rank; ++i) {
    const int ai = i - (rank - a.rank()), bi = i - (rank - b.rank());
    const int64_t da = ai < 0 ? 1 : a[ai], db = bi < 0 ? 1 : b[bi];
    if (da == db || db == 1) {
      dims[i] = da;
    } else if (da == 1) {
      dims[i] = db;
    } else if (da == Shape::kUnknown || db == Shape::kUnknown) {
      dims[i] = std::max(da, db);
    } else {
      Require(false, ErrorCode::kBadFile, "shapes ", a.ToString(), " and ", b.ToString(),
              " do not broadcast");
    }
  }
  return Shape(std::move(dims));
}

}  // namespace adze
