#include <array>
#include <cctype>
#include <charconv>
#include <cstring>

#include "adze/dataset.h"
#include "adze/error.h"
#include "adze/file.h"
#include "io/array_layout.h"

namespace adze {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Code {
  std::string_view code;  // NumPy's kind and size
  DType dtype;
};
// The first of a type is what it is written as.
constexpr std::array kCodes = {
    Code{"f4", DType::kFloat},     Code{"f8", DType::kDouble},     Code{"f2", DType::kHalf},
    Code{"u1", DType::kUint8},     Code{"u2", DType::kUint16},     Code{"u4", DType::kUint32},
    Code{"u8", DType::kUint64},    Code{"i1", DType::kInt8},       Code{"i2", DType::kInt16},
    Code{"i4", DType::kInt32},     Code{"i8", DType::kInt64},      Code{"b1", DType::kBool},
    Code{"c8", DType::kComplex64}, Code{"c16", DType::kComplex128}};

// The header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
// Reads what NumPy writes, in any order of the keys.
class DictReader {
 public:
  explicit DictReader(std::string_view text) : text_(text) {}

  bool Take(char c) {
    SkipSpace();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void Expect(char c) {
    Require(Take(c), ErrorCode::kBadFile, "has a damaged .npy header: no '", c, "' where needed");
  }
  std::string_view String() {
    const char quote = Take('"') ? '"' : '\'';
    if (quote == '\'') Expect(quote);
    const size_t end = text_.find(quote);
    Require(end != std::string_view::npos, ErrorCode::kBadFile, "has a damaged .npy header");
    const std::string_view value = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return value;
  }
  bool Bool() {
    SkipSpace();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    throw Error(ErrorCode::kBadFile, "has a damaged .npy header: fortran_order is not a bool");
  }
  int64_t Int() {
    SkipSpace();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    Require(error == std::errc() && value >= 0, ErrorCode::kBadFile,
            "has a damaged .npy header: a dimension is not a size");
    text_.remove_prefix(end - text_.data());
    Take('L');  // Python 2 wrote long integers so
    return value;
  }
  std::vector<int64_t> Tuple() {
    std::vector<int64_t> values;
    Expect('(');
    while (!Take(')')) {
      values.push_back(Int());
      Require(values.size() <= 254, ErrorCode::kBadFile, "has more than 254 dimensions");
      if (!Take(',')) {
        Expect(')');
        break;
      }
    }
    return values;
  }

 private:
  void SkipSpace() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_[0]))) {
      text_.remove_prefix(1);
    }
  }
  std::string_view text_;
};

void SetType(std::string_view descr, ArrayLayout& layout) {
  const char order = descr.empty() ? ' ' : descr[0];
  for (const Code& code : kCodes) {
    if (descr.substr(1 - (order == ' ')) != code.code || !std::strchr("<>|=", order)) continue;
    layout.dtype = code.dtype;
    layout.big_endian = order == '>';
    return;
  }
  throw Error(ErrorCode::kUnsupported,
              "holds elements of NumPy type '" + std::string(descr) + "', which is not supported");
}

}  // namespace

bool IsNpy(std::string_view head) { return head.starts_with(kMagic); }

ArrayLayout ParseNpyHeader(std::string_view head, uint64_t file_bytes) {
  Require(IsNpy(head), ErrorCode::kBadFile, "is not a NumPy .npy file");
  Require(head.size() >= 12, ErrorCode::kBadFile, "is a .npy file that is cut off");
  const auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<uint8_t>(head[i])); };
  const uint64_t version = byte(6);
  Require(version >= 1 && version <= 3, ErrorCode::kUnsupported, "is of .npy version ", version,
          ", which is not known");
  const size_t begin = version == 1 ? 10 : 12;
  uint64_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  Require(begin + length <= head.size(), ErrorCode::kBadFile,
          "is a .npy file that is cut off in its header");

  ArrayLayout layout;
  layout.offset = begin + length;
  DictReader dict(head.substr(begin, length));
  bool fortran = false;
  int keys = 0;
  dict.Expect('{');
  while (!dict.Take('}')) {
    const std::string_view key = dict.String();
    dict.Expect(':');
    if (key == "descr") {
      SetType(dict.String(), layout);
      keys |= 1;
    } else if (key == "fortran_order") {
      fortran = dict.Bool();
      keys |= 2;
    } else if (key == "shape") {
      layout.shape = Shape(dict.Tuple());
      keys |= 4;
    } else {
      throw Error(ErrorCode::kBadFile, "has a damaged .npy header: key '" + std::string(key) + "'");
    }
    dict.Take(',');
  }
  Require(keys == 7, ErrorCode::kBadFile, "has a .npy header without type, order or shape");
  Require(!fortran || layout.shape.rank() < 2, ErrorCode::kUnsupported,
          "is in Fortran order; save numpy.ascontiguousarray(x)");
  const uint64_t need = layout.shape.num_elements() * SizeOf(layout.dtype);
  Require(file_bytes - layout.offset >= need, ErrorCode::kBadFile,
          "is cut off: ", Name(layout.dtype), " ", layout.shape.ToString(), " needs ", need,
          " bytes, it has ", file_bytes - layout.offset);
  return layout;
}

Tensor ReadNpy(const std::filesystem::path& path) {
  const std::string bytes = ReadFile(path);
  ErrorScope scope("file", path.string());
  Require(IsNpy(bytes), ErrorCode::kBadFile, "is not a NumPy .npy file");
  return ParseArray(bytes);
}

void WriteNpy(const Tensor& tensor, const std::filesystem::path& path) {
  ErrorScope scope("file", path.string());
  std::string descr;
  for (const Code& code : kCodes) {
    if (code.dtype == tensor.dtype()) descr = code.code;
  }
  Require(!descr.empty(), ErrorCode::kUnsupported, "NumPy has no type for ", Name(tensor.dtype()),
          " elements");
  std::string shape;
  for (const int64_t dim : tensor.shape().dims()) shape += std::to_string(dim) + ", ";
  if (tensor.shape().rank() > 1) shape.resize(shape.size() - 2);
  if (tensor.shape().rank() == 1) shape.pop_back();
  std::string header = "{'descr': '" + std::string(SizeOf(tensor.dtype()) == 1 ? "|" : "<") +
                       descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // NumPy aligns the first element to 64 bytes, and ends the header with a line feed.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\x01', '\x00', static_cast<char>(header.size() & 255),
            static_cast<char>(header.size() >> 8)};
  bytes += header;
  bytes.append(static_cast<const char*>(tensor.raw()), tensor.num_bytes());
  WriteFileAtomically(path, bytes);
}

}  // namespace adze
