#pragma once

#include <algorithm>

#include "decompose/vector_loops.h"
#include "engine/huge_memory.h"

namespace adze {

// Numbers that begin where vectors do, all zero after Resize.
template <typename T>
class AlignedNumbers {
 public:
  void Resize(int64_t count) {
    const size_t bytes = count * sizeof(T);
    if (memory_.size() < bytes) memory_ = HugeMemory(bytes, "to multiply matrices");
    std::fill_n(data(), count, T(0));
  }
  T* data() { return reinterpret_cast<T*>(memory_.bytes()); }
  const T* data() const { return reinterpret_cast<const T*>(memory_.bytes()); }

 private:
  HugeMemory memory_;
};

// A left operand, rows x depth, packed for MultiplyTile; rows are filled up with zeros.
template <typename T>
class PackedRows {
 public:
  PackedRows() = default;
  PackedRows(int64_t rows, int64_t depth) { Resize(rows, depth); }
  void Resize(int64_t rows, int64_t depth) {
    rows_ = rows;
    depth_ = depth;
    data_.Resize(slabs() * kSlab<T> * depth);
  }
  int64_t rows() const { return rows_; }
  int64_t depth() const { return depth_; }
  int64_t slabs() const { return (rows_ + kSlab<T> - 1) / kSlab<T>; }
  T& at(int64_t i, int64_t k) {
    return data_.data()[(i / kSlab<T> * depth_ + k) * kSlab<T> + i % kSlab<T>];
  }
  // Rows of a slab from the k-th term on.
  const T* slab(int64_t index, int64_t k = 0) const {
    return data_.data() + (index * depth_ + k) * kSlab<T>;
  }

 private:
  int64_t rows_ = 0, depth_ = 0;
  AlignedNumbers<T> data_;
};

// Where the columns of a right operand are, in groups of kGroup.
template <typename T>
struct GroupedColumns {
  const T* data;
  int64_t k_stride, j_stride, group_stride;
};
// Of a column-major matrix, or (transposed) of a row-major one.
template <typename T>
GroupedColumns<T> ColumnsOf(const T* data, int64_t stride, bool transposed = false) {
  if (transposed) return {data, stride, 1, kGroup};
  return {data, 1, stride, kGroup * stride};
}

// A right operand, depth x columns, packed: the terms of a group are side by side.
template <typename T>
class PackedColumns {
 public:
  PackedColumns() = default;
  void Resize(int64_t depth, int64_t columns) {
    depth_ = depth;
    data_.Resize((columns + kGroup - 1) / kGroup * kGroup * depth);
  }
  T& at(int64_t k, int64_t j) {
    return data_.data()[(j / kGroup * depth_ + k) * kGroup + j % kGroup];
  }
  // From a column on that begins a group.
  GroupedColumns<T> from(int64_t column) const {
    return {data_.data() + column * depth_, kGroup, 1, kGroup * depth_};
  }

 private:
  int64_t depth_ = 0;
  AlignedNumbers<T> data_;
};

// c += factor * a b on the calling thread, where a is rows [first_row, first_row + rows) and terms
// [first_term, first_term + depth) of `left`; first_row begins a slab. c is column-major.
template <typename T>
void MultiplyPacked(const PackedRows<T>& left, int64_t first_row, int64_t rows, int64_t first_term,
                    int64_t depth, const GroupedColumns<T>& right, int64_t columns, T factor, T* c,
                    int64_t c_stride) {
  constexpr int64_t kDepth = 256, kSlabs = 6;  // of which a part stays in the cache
  const int64_t first_slab = first_row / kSlab<T>, slabs = (rows + kSlab<T> - 1) / kSlab<T>;
  T edge[kSlab<T> * kGroup];
  for (int64_t k = 0; k < depth; k += kDepth) {
    const int64_t terms = std::min(kDepth, depth - k);
    for (int64_t chunk = 0; chunk < slabs; chunk += kSlabs) {
      for (int64_t j = 0; j < columns; j += kGroup) {
        const int width = static_cast<int>(std::min(kGroup, columns - j));
        const RightOperand<T> operand = {
            right.data + j / kGroup * right.group_stride + k * right.k_stride, right.k_stride,
            right.j_stride};
        for (int64_t s = chunk; s < std::min(chunk + kSlabs, slabs); ++s) {
          const T* a = left.slab(first_slab + s, first_term + k);
          T* at = c + j * c_stride + s * kSlab<T>;
          const int64_t height = std::min(kSlab<T>, rows - s * kSlab<T>);
          const int64_t computed = height > kSlab<T> / 2 ? kSlab<T> : kSlab<T> / 2;
          if (height == computed) {
            MultiplyTile<T>(terms, a, operand, computed, width, factor, at, c_stride);
            continue;
          }
          std::fill(edge, edge + kSlab<T> * kGroup, T(0));
          MultiplyTile<T>(terms, a, operand, computed, width, factor, edge, kSlab<T>);
          for (int g = 0; g < width; ++g) {
            for (int64_t i = 0; i < height; ++i) at[g * c_stride + i] += edge[g * kSlab<T> + i];
          }
        }
      }
    }
  }
}

}  // namespace adze
