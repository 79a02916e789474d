#include "adze/dtype.h"

#include <Eigen/Core>
#include <array>
#include <bit>
#include <complex>

namespace adze {
namespace {

struct Entry {
  DType dtype;
  const char* name;
  size_t size;
};

constexpr std::array kEntries = {
    Entry{DType::kFloat, "float32", 4},   Entry{DType::kDouble, "float64", 8},
    Entry{DType::kInt32, "int32", 4},     Entry{DType::kUint8, "uint8", 1},
    Entry{DType::kInt16, "int16", 2},     Entry{DType::kInt8, "int8", 1},
    Entry{DType::kString, "string", 0},   Entry{DType::kComplex64, "complex64", 8},
    Entry{DType::kInt64, "int64", 8},     Entry{DType::kBool, "bool", 1},
    Entry{DType::kQint8, "qint8", 1},     Entry{DType::kQuint8, "quint8", 1},
    Entry{DType::kQint32, "qint32", 4},   Entry{DType::kBfloat16, "bfloat16", 2},
    Entry{DType::kQint16, "qint16", 2},   Entry{DType::kQuint16, "quint16", 2},
    Entry{DType::kUint16, "uint16", 2},   Entry{DType::kComplex128, "complex128", 16},
    Entry{DType::kHalf, "float16", 2},    Entry{DType::kResource, "resource", 0},
    Entry{DType::kVariant, "variant", 0}, Entry{DType::kUint32, "uint32", 4},
    Entry{DType::kUint64, "uint64", 8},
};

}  // namespace

float ToFloat(Half value) {
  return static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(value.bits));
}

Half ToHalf(float value) { return {Eigen::numext::bit_cast<uint16_t>(Eigen::half(value))}; }

float ToFloat(Bfloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

Bfloat16 ToBfloat16(float value) {
  return {Eigen::numext::bit_cast<uint16_t>(Eigen::bfloat16(value))};
}

size_t SizeOf(DType dtype) {
  for (const Entry& entry : kEntries) {
    if (entry.dtype == dtype) return entry.size;
  }
  return 0;
}

std::string Name(DType dtype) {
  for (const Entry& entry : kEntries) {
    if (entry.dtype == dtype) return entry.name;
  }
  return "dtype " + std::to_string(static_cast<int>(dtype));
}

DType DTypeFromName(const std::string& name) {
  std::string plain = name;
  if (plain.starts_with("DT_")) {
    plain = plain.substr(3);
    for (char& c : plain) c = static_cast<char>(std::tolower(c));
  }
  if (plain == "float" || plain == "f32") return DType::kFloat;
  if (plain == "double" || plain == "f64") return DType::kDouble;
  if (plain == "half" || plain == "f16") return DType::kHalf;
  if (plain == "i32") return DType::kInt32;
  if (plain == "i64") return DType::kInt64;
  for (const Entry& entry : kEntries) {
    if (plain == entry.name) return entry.dtype;
  }
  return DType::kInvalid;
}

}  // namespace adze
