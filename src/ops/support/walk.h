#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "adze/parallel.h"
#include "adze/shape.h"

namespace adze {

// Strides (in elements) of a row-major array.
std::vector<int64_t> RowMajorStrides(const Shape& shape);
// Strides that run through an array of `shape` as if it were broadcast to `to`: 0 where it repeats.
std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& to);

// Elements per thread below which threads do not pay.
inline constexpr int64_t kGrain = 16384;

// A walk over all indices of `dims` through N arrays at once, each with its own stride per axis
// (in elements; 0 repeats, negative runs backwards).
template <size_t N>
class Walk {
 public:
  using Offsets = std::array<int64_t, N>;

  // Merges axes that every array runs through as one, and drops axes of length 1, so that the rows
  // become long: adding [C] to [N, H, W, C] is a walk over [N*H*W, C].
  Walk(const std::vector<int64_t>& dims, const std::array<std::vector<int64_t>, N>& strides) {
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      empty_ |= dims[axis] == 0;
      if (dims[axis] == 1) continue;
      bool merges = !dims_.empty();
      for (size_t n = 0; merges && n < N; ++n) {
        merges = strides_[n].back() == strides[n][axis] * dims[axis];
      }
      if (merges) {
        dims_.back() *= dims[axis];
      } else {
        dims_.push_back(dims[axis]);
      }
      for (size_t n = 0; n < N; ++n) {
        if (merges) {
          strides_[n].back() = strides[n][axis];
        } else {
          strides_[n].push_back(strides[n][axis]);
        }
      }
    }
    if (dims_.empty()) {
      dims_.push_back(1);
      for (auto& s : strides_) s.push_back(1);
    }
  }

  const std::vector<int64_t>& dims() const { return dims_; }
  int rank() const { return static_cast<int>(dims_.size()); }
  bool empty() const { return empty_; }
  int64_t stride(int array, int axis) const { return strides_[array][axis]; }
  int64_t row_length() const { return dims_.back(); }
  int64_t row_stride(int array) const { return strides_[array].back(); }
  int64_t num_rows() const {
    if (empty_) return 0;
    int64_t rows = 1;
    for (int i = 0; i + 1 < rank(); ++i) rows *= dims_[i];
    return rows;
  }

  // The walk over all axes but the last `inner`; its rows have one element.
  Walk Outer(int inner) const {
    std::vector<int64_t> dims(dims_.begin(), dims_.end() - inner);
    auto strides = strides_;
    dims.push_back(1);
    for (auto& s : strides) {
      s.resize(dims.size());
      s.back() = 0;
    }
    return Walk(Unmerged(), std::move(dims), std::move(strides));
  }

  // Calls f(offsets) for rows [begin, end) of the last axis.
  template <typename F>
  void ForRows(int64_t begin, int64_t end, F&& f) const {
    const int outer = rank() - 1;
    std::vector<int64_t> index(outer);
    Offsets offsets{};
    int64_t rest = begin;
    for (int i = outer - 1; i >= 0; --i) {
      index[i] = rest % dims_[i];
      rest /= dims_[i];
      for (size_t n = 0; n < N; ++n) offsets[n] += index[i] * strides_[n][i];
    }
    for (int64_t row = begin; row < end; ++row) {
      f(offsets);
      for (int i = outer - 1; i >= 0; --i) {
        const bool carry = ++index[i] == dims_[i];
        for (size_t n = 0; n < N; ++n) {
          offsets[n] += carry ? -(dims_[i] - 1) * strides_[n][i] : strides_[n][i];
        }
        if (!carry) break;
        index[i] = 0;
      }
    }
  }
  template <typename F>
  void ForAllRows(F&& f) const {
    ForRows(0, num_rows(), f);
  }
  // The same on several threads; rows must not write to the same elements.
  template <typename F>
  void ParallelForRows(F&& f) const {
    const int64_t grain = std::max<int64_t>(1, kGrain / row_length());
    ParallelFor(num_rows(), grain, [&](int64_t begin, int64_t end) { ForRows(begin, end, f); });
  }

 private:
  struct Unmerged {};
  Walk(Unmerged, std::vector<int64_t> dims, std::array<std::vector<int64_t>, N> strides)
      : dims_(std::move(dims)), strides_(std::move(strides)) {}

  std::vector<int64_t> dims_;
  std::array<std::vector<int64_t>, N> strides_;
  bool empty_ = false;
};

}  // namespace adze
