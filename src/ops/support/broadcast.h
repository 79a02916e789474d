#pragma once

#include <algorithm>
#include <memory>

#include "adze/op.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

// Functions of two operands with NumPy's broadcasting.
namespace adze {

// One output of the broadcast shape; its type is the operands', or `dtype` if given. kBadFile if
// the operands' types differ.
std::vector<TensorSpec> InferBroadcast(const ShapeContext& context, DType dtype = DType::kInvalid);

// out[i] = f(a[i * a_stride], b[i * b_stride]); strides 0 or 1, each case its own plain loop so
// that the compiler vectorises it.
template <typename T, typename R, typename F>
void BinaryRow(const T* a, int64_t a_stride, const T* b, int64_t b_stride, R* out, int64_t count,
               const F& f) {
  if (a_stride == 1 && b_stride == 1) {
    for (int64_t i = 0; i < count; ++i) out[i] = f(a[i], b[i]);
  } else if (b_stride == 0) {
    const T scalar = *b;
    for (int64_t i = 0; i < count; ++i) out[i] = f(a[i * a_stride], scalar);
  } else {
    const T scalar = *a;
    for (int64_t i = 0; i < count; ++i) out[i] = f(scalar, b[i]);
  }
}

// `short_row` repeated until it is long enough for loops over it to pay.
template <typename T>
std::unique_ptr<T[]> RepeatRow(const T* short_row, int64_t length, int64_t times) {
  auto row = std::make_unique<T[]>(length * times);
  for (int64_t i = 0; i < times; ++i) std::copy_n(short_row, length, row.get() + i * length);
  return row;
}

// out = f(a, b), elementwise. `f` must not throw.
template <typename T, typename R, typename F>
void Broadcast(const Tensor& a, const Tensor& b, Tensor& out, const F& f) {
  const T* pa = a.data<T>().data();
  const T* pb = b.data<T>().data();
  R* po = out.mutable_data<R>().data();
  const Walk<3> walk(out.shape().dims(),
                     {BroadcastStrides(a.shape(), out.shape()),
                      BroadcastStrides(b.shape(), out.shape()), RowMajorStrides(out.shape())});
  if (walk.empty()) return;
  // [N, 3] with [3] and its like: rows too short to be fast are joined, against repeated operands.
  constexpr int64_t kJoined = 256;
  const int64_t length = walk.row_length(), times = kJoined / length;
  if (walk.rank() == 2 && times > 2 && walk.row_stride(0) == 1 && walk.row_stride(1) == 1 &&
      (walk.stride(0, 0) == 0 || walk.stride(1, 0) == 0)) {
    const bool repeats_a = walk.stride(0, 0) == 0;
    const std::unique_ptr<T[]> repeated = RepeatRow(repeats_a ? pa : pb, length, times);
    const int64_t rows = walk.dims()[0];
    ParallelFor(rows, std::max<int64_t>(times, kGrain / length), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row += times) {
        const int64_t at = row * length, count = std::min(times, end - row) * length;
        if (repeats_a) {
          BinaryRow(repeated.get(), 1, pb + at, 1, po + at, count, f);
        } else {
          BinaryRow(pa + at, 1, repeated.get(), 1, po + at, count, f);
        }
      }
    });
    return;
  }
  if (walk.rank() == 1) {
    const int64_t sa = walk.row_stride(0), sb = walk.row_stride(1);
    ParallelFor(length, kGrain, [&](int64_t begin, int64_t end) {
      BinaryRow(pa + begin * sa, sa, pb + begin * sb, sb, po + begin, end - begin, f);
    });
    return;
  }
  walk.ParallelForRows([&](const Walk<3>::Offsets& at) {
    BinaryRow(pa + at[0], walk.row_stride(0), pb + at[1], walk.row_stride(1), po + at[2], length,
              f);
  });
}

}  // namespace adze
