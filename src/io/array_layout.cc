#include "io/array_layout.h"

#include <algorithm>
#include <cstring>

namespace adze {

ArrayLayout ParseArrayHeader(std::string_view head, uint64_t file_bytes) {
  if (IsNpy(head)) return ParseNpyHeader(head, file_bytes);
  Require(head.size() >= 4 && head[0] == 0 && head[1] == 0, ErrorCode::kBadFile,
          "is neither a NumPy .npy file nor an idx file (", file_bytes, " bytes)");
  return ParseIdxHeader(head, file_bytes);
}

void FixElements(const ArrayLayout& layout, Tensor& tensor) {
  char* bytes = static_cast<char*>(tensor.mutable_raw());
  if (layout.dtype == DType::kBool) {
    std::transform(bytes, bytes + tensor.num_bytes(), bytes, [](char c) { return c != 0; });
  }
  const bool is_complex = layout.dtype == DType::kComplex64 || layout.dtype == DType::kComplex128;
  const size_t width = SizeOf(layout.dtype) / (is_complex ? 2 : 1);
  if (!layout.big_endian || width < 2) return;
  for (size_t i = 0; i < tensor.num_bytes(); i += width) std::reverse(bytes + i, bytes + i + width);
}

Tensor ParseArray(std::string_view bytes) {
  const ArrayLayout layout = ParseArrayHeader(bytes, bytes.size());
  Tensor tensor(layout.dtype, layout.shape);
  std::memcpy(tensor.mutable_raw(), bytes.data() + layout.offset, tensor.num_bytes());
  FixElements(layout, tensor);
  return tensor;
}

}  // namespace adze
