#pragma once

#include <cstdint>
#include <string_view>

#include "adze/dtype.h"
#include "adze/shape.h"
#include "adze/tensor.h"

namespace adze {

// Where the elements of an array lie in a file, as its header tells. Elements are row-major.
struct ArrayLayout {
  DType dtype = DType::kInvalid;
  Shape shape;
  bool big_endian = false;
  uint64_t offset = 0;  // of the first element in the file
};

// At most so many bytes of a file are needed to read the header of a sane array.
inline constexpr size_t kMostArrayHeaderBytes = 65536;

// `head` is the beginning of a file of `file_bytes` bytes. kBadFile with the reason, also where the
// file is not as long as the header says: what is read after this fits the file.
ArrayLayout ParseNpyHeader(std::string_view head, uint64_t file_bytes);
// The idx format of MNIST: 0, 0, type, rank, big-endian dimensions.
ArrayLayout ParseIdxHeader(std::string_view head, uint64_t file_bytes);

// Whether a file begins like a .npy.
bool IsNpy(std::string_view head);
// Either of the two, told apart by the first bytes.
ArrayLayout ParseArrayHeader(std::string_view head, uint64_t file_bytes);

// A whole file in memory.
Tensor ParseArray(std::string_view bytes);

// Makes elements read from a file native: their byte order, and 1 for every true.
void FixElements(const ArrayLayout& layout, Tensor& tensor);

}  // namespace adze
