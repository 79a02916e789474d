#include "ops/support/walk.h"

namespace adze {

std::vector<int64_t> RowMajorStrides(const Shape& shape) {
  std::vector<int64_t> strides(shape.rank());
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = stride;
    // An empty tensor may have any other dimension; its strides are never used.
    if (__builtin_mul_overflow(stride, shape[i], &stride)) stride = 0;
  }
  return strides;
}

std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& to) {
  const std::vector<int64_t> own = RowMajorStrides(shape);
  std::vector<int64_t> strides(to.rank(), 0);
  const int shift = to.rank() - shape.rank();
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != 1) strides[i + shift] = own[i];
  }
  return strides;
}

}  // namespace adze
