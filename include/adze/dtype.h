#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace adze {

// Element types, with TensorFlow's numbers (types.proto).
enum class DType : int {
  kInvalid = 0,
  kFloat = 1,
  kDouble = 2,
  kInt32 = 3,
  kUint8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kString = 7,
  kComplex64 = 8,
  kInt64 = 9,
  kBool = 10,
  kQint8 = 11,
  kQuint8 = 12,
  kQint32 = 13,
  kBfloat16 = 14,
  kQint16 = 15,
  kQuint16 = 16,
  kUint16 = 17,
  kComplex128 = 18,
  kHalf = 19,
  kResource = 20,
  kVariant = 21,
  kUint32 = 22,
  kUint64 = 23,
  kInt4 = 29,  // of later types.proto; as an attribute only (AscendWeightQuant)
};

// IEEE half and bfloat16 as stored; ToFloat widens exactly, the constructors round to nearest even.
struct Half {
  uint16_t bits = 0;
};
struct Bfloat16 {
  uint16_t bits = 0;
};
float ToFloat(Half value);
float ToFloat(Bfloat16 value);
Half ToHalf(float value);
Bfloat16 ToBfloat16(float value);

// Bytes of one element; 0 for types without a fixed size (string, resource, variant).
size_t SizeOf(DType dtype);
// "float32", "int8", "string"; "dtype 99" for a number that is not known.
std::string Name(DType dtype);
// From "float32", "float", "f32", "DT_FLOAT" and so on; kInvalid if unknown.
DType DTypeFromName(const std::string& name);

template <typename T>
inline constexpr DType kDTypeOf = DType::kInvalid;
template <>
inline constexpr DType kDTypeOf<float> = DType::kFloat;
template <>
inline constexpr DType kDTypeOf<double> = DType::kDouble;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::kInt32;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::kUint8;
template <>
inline constexpr DType kDTypeOf<int16_t> = DType::kInt16;
template <>
inline constexpr DType kDTypeOf<int8_t> = DType::kInt8;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::kInt64;
template <>
inline constexpr DType kDTypeOf<bool> = DType::kBool;
template <>
inline constexpr DType kDTypeOf<uint16_t> = DType::kUint16;
template <>
inline constexpr DType kDTypeOf<uint32_t> = DType::kUint32;
template <>
inline constexpr DType kDTypeOf<uint64_t> = DType::kUint64;
template <>
inline constexpr DType kDTypeOf<Half> = DType::kHalf;
template <>
inline constexpr DType kDTypeOf<Bfloat16> = DType::kBfloat16;

}  // namespace adze
