#pragma once

#include <vector>

#include "adze/tensor.h"

// Moving elements of any type between tensors.
namespace adze {

// All elements, in order. Both must have as many.
void CopyElements(const Tensor& from, Tensor& to);

// A block of `dims` elements within two tensors; offsets and strides in elements (a stride of 0
// repeats, a negative one runs backwards).
struct StridedBlock {
  std::vector<int64_t> dims;
  std::vector<int64_t> from_strides, to_strides;
  int64_t from_offset = 0, to_offset = 0;
};
void CopyBlock(const Tensor& from, Tensor& to, const StridedBlock& block);

// `from` repeated to the shape of `to` as NumPy broadcasts.
void CopyBroadcast(const Tensor& from, Tensor& to);

// Sets every element of `to` to the one element of `value`.
void FillWith(const Tensor& value, Tensor& to);

}  // namespace adze
