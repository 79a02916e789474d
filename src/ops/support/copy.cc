#include "ops/support/copy.h"

#include <complex>

#include "ops/support/walk.h"

namespace adze {
namespace {

// Calls f(T()) with a type as large as an element: only the bytes matter when elements are moved.
template <typename F>
void WithElementSize(const Tensor& tensor, F&& f) {
  if (tensor.dtype() == DType::kString) return f(std::string());
  switch (SizeOf(tensor.dtype())) {
    case 1:
      return f(uint8_t());
    case 2:
      return f(uint16_t());
    case 4:
      return f(uint32_t());
    case 8:
      return f(uint64_t());
    case 16:
      return f(std::complex<double>());
    default:
      Check(false, "element size");
  }
}

template <typename T>
void CopyRow(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    std::copy_n(from, count, to);
  } else if (from_stride == 0 && to_stride == 1) {
    std::fill_n(to, count, *from);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

// Transposition: rows of the target run across the rows of the source. In tiles, so that every
// cache line that is read is used while it is there.
template <typename T>
void CopyTransposed(const T* from, T* to, const Walk<2>& walk) {
  constexpr int64_t kTile = 16;
  const int axis = walk.rank() - 2;
  const int64_t columns = walk.row_length();
  ParallelFor(walk.dims()[axis], 4 * kTile, [&](int64_t begin, int64_t end) {
    for (int64_t r0 = begin; r0 < end; r0 += kTile) {
      for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
        for (int64_t r = r0; r < std::min(end, r0 + kTile); ++r) {
          CopyRow(from + r * walk.stride(0, axis) + c0 * walk.row_stride(0), walk.row_stride(0),
                  to + r * walk.stride(1, axis) + c0 * walk.row_stride(1), walk.row_stride(1),
                  std::min(kTile, columns - c0));
        }
      }
    }
  });
}

}  // namespace

void CopyElements(const Tensor& from, Tensor& to) {
  Check(from.dtype() == to.dtype() && from.num_elements() == to.num_elements(), "copy of elements");
  if (from.raw() == to.raw()) return;
  WithElementSize(from, [&](auto t) {
    using T = decltype(t);
    const T* source = static_cast<const T*>(from.raw());
    T* target = static_cast<T*>(to.mutable_raw());
    ParallelFor(from.num_elements(), 16 * kGrain, [&](int64_t begin, int64_t end) {
      std::copy(source + begin, source + end, target + begin);
    });
  });
}

void CopyBlock(const Tensor& from, Tensor& to, const StridedBlock& block) {
  Check(from.dtype() == to.dtype(), "copy of elements of another type");
  const Walk<2> walk(block.dims, {block.from_strides, block.to_strides});
  if (walk.empty()) return;
  WithElementSize(from, [&](auto t) {
    using T = decltype(t);
    const T* source = static_cast<const T*>(from.raw()) + block.from_offset;
    T* target = static_cast<T*>(to.mutable_raw()) + block.to_offset;
    if (walk.rank() >= 2 && walk.stride(0, walk.rank() - 2) == 1 && walk.row_stride(0) > 1) {
      walk.Outer(2).ForAllRows([&](const Walk<2>::Offsets& at) {
        CopyTransposed(source + at[0], target + at[1], walk);
      });
      return;
    }
    walk.ParallelForRows([&](const Walk<2>::Offsets& at) {
      CopyRow(source + at[0], walk.row_stride(0), target + at[1], walk.row_stride(1),
              walk.row_length());
    });
  });
}

void CopyBroadcast(const Tensor& from, Tensor& to) {
  CopyBlock(
      from, to,
      {to.shape().dims(), BroadcastStrides(from.shape(), to.shape()), RowMajorStrides(to.shape())});
}

void FillWith(const Tensor& value, Tensor& to) {
  CopyBlock(value, to, {{to.num_elements()}, {0}, {1}});
}

}  // namespace adze
