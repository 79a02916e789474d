#include "io/array_layout.h"

namespace adze {
namespace {

DType TypeOfCode(int code) {
  switch (code) {
    case 0x08:
      return DType::kUint8;
    case 0x09:
      return DType::kInt8;
    case 0x0b:
      return DType::kInt16;
    case 0x0c:
      return DType::kInt32;
    case 0x0d:
      return DType::kFloat;
    case 0x0e:
      return DType::kDouble;
    default:
      return DType::kInvalid;
  }
}

}  // namespace

ArrayLayout ParseIdxHeader(std::string_view head, uint64_t file_bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(head[i]); };
  Require(head.size() >= 4 && byte(0) == 0 && byte(1) == 0, ErrorCode::kBadFile,
          "is not an idx file");
  ArrayLayout layout;
  layout.dtype = TypeOfCode(byte(2));
  layout.big_endian = true;
  Require(layout.dtype != DType::kInvalid, ErrorCode::kBadFile, "is not an idx file: element type ",
          int{byte(2)});
  const size_t rank = byte(3);
  layout.offset = 4 + 4 * rank;
  Require(rank >= 1 && head.size() >= layout.offset, ErrorCode::kBadFile,
          "is an idx file that is cut off in its header");
  std::vector<int64_t> dims;
  for (size_t i = 4; i < layout.offset; i += 4) {
    dims.push_back(int64_t{byte(i)} << 24 | byte(i + 1) << 16 | byte(i + 2) << 8 | byte(i + 3));
  }
  layout.shape = Shape(std::move(dims));
  const uint64_t need = layout.shape.num_elements() * SizeOf(layout.dtype);
  Require(file_bytes - layout.offset >= need, ErrorCode::kBadFile,
          "is an idx file that is cut off: ", Name(layout.dtype), " ", layout.shape.ToString(),
          " needs ", need, " bytes, it has ", file_bytes - layout.offset);
  return layout;
}

}  // namespace adze
