#pragma once

// The AVX-512 instructions that src/engine/integer/vnni.cc uses, as loops over their elements, so
// that its inner loops are tested on machines without AVX-512. Compiled into the tests in front of
// that file: within its namespace these hide the compiler's. As Intel's manual describes them.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#define ADZE_VNNI
#define kVnni kVnniInLoops
// Macros, the first without optimization alone.
#undef _mm512_extracti32x4_epi32
#undef _mm512_setr_epi32

namespace adze::integer {

template <typename T>
using Lanes = std::array<T, 64 / sizeof(T)>;

template <typename To, typename From>
inline To BitsAs(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(static_cast<void*>(&to), &from, sizeof(to));
  return to;
}
template <typename T, typename Make>
inline auto EachOf(Make make) {
  Lanes<T> lanes;
  for (int i = 0; i < static_cast<int>(lanes.size()); ++i) lanes[i] = static_cast<T>(make(i));
  return lanes;
}
template <typename Make>
inline __m512i Int32s(Make make) {
  return BitsAs<__m512i>(EachOf<int32_t>(make));
}
template <typename Make>
inline __m512i Bytes(Make make) {
  return BitsAs<__m512i>(EachOf<uint8_t>(make));
}
template <typename Make>
inline __m512 Floats(Make make) {
  return BitsAs<__m512>(EachOf<float>(make));
}
template <typename T>
inline T Load(const void* from) {
  T to;
  std::memcpy(static_cast<void*>(&to), from, sizeof(to));
  return to;
}
template <typename T>
inline T LoadAligned(const void* from) {
  if (reinterpret_cast<uintptr_t>(from) % sizeof(T) != 0) __builtin_trap();
  return Load<T>(from);
}
template <typename T>
inline void StoreAligned(void* to, const T& value) {
  if (reinterpret_cast<uintptr_t>(to) % sizeof(T) != 0) __builtin_trap();
  std::memcpy(to, &value, sizeof(T));
}
// Element i reads or writes nothing where the mask lacks it.
template <typename T, typename To>
inline To LoadMasked(uint64_t mask, const void* from) {
  std::array<T, sizeof(To) / sizeof(T)> lanes = {};
  for (size_t i = 0; i < lanes.size(); ++i) {
    if (mask >> i & 1) lanes[i] = static_cast<const T*>(from)[i];
  }
  return BitsAs<To>(lanes);
}
template <typename T>
inline void StoreMasked(uint64_t mask, const Lanes<T>& lanes, void* to) {
  for (size_t i = 0; i < lanes.size(); ++i) {
    if (mask >> i & 1) static_cast<T*>(to)[i] = lanes[i];
  }
}
template <typename To, typename From>
inline To Saturated(From value) {
  return static_cast<To>(
      std::clamp<From>(value, std::numeric_limits<To>::lowest(), std::numeric_limits<To>::max()));
}

inline __m512 _mm512_set1_ps(float x) {
  return Floats([=](int) { return x; });
}
inline __m512 _mm512_setzero_ps() { return _mm512_set1_ps(0); }
inline __m512i _mm512_set1_epi32(int32_t x) {
  return Int32s([=](int) { return x; });
}
inline __m512i _mm512_setzero_si512() { return _mm512_set1_epi32(0); }
template <typename... T>
inline __m512i _mm512_setr_epi32(T... x) {
  return BitsAs<__m512i>(Lanes<int32_t>{x...});
}

inline __m512 _mm512_loadu_ps(const void* from) { return Load<__m512>(from); }
inline __m512i _mm512_loadu_si512(const void* from) { return Load<__m512i>(from); }
inline __m512i _mm512_load_si512(const void* from) { return LoadAligned<__m512i>(from); }
inline void _mm512_storeu_ps(void* to, __m512 x) { std::memcpy(to, &x, sizeof(x)); }
inline void _mm512_storeu_si512(void* to, __m512i x) { std::memcpy(to, &x, sizeof(x)); }
inline void _mm512_store_ps(void* to, __m512 x) { StoreAligned(to, x); }
inline void _mm512_store_si512(void* to, __m512i x) { StoreAligned(to, x); }
inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void* from) {
  return LoadMasked<float, __m512>(mask, from);
}
inline __m512i _mm512_maskz_loadu_epi8(__mmask64 mask, const void* from) {
  return LoadMasked<uint8_t, __m512i>(mask, from);
}
inline __m128i _mm_maskz_loadu_epi8(__mmask16 mask, const void* from) {
  return LoadMasked<uint8_t, __m128i>(mask, from);
}
inline void _mm512_mask_storeu_ps(void* to, __mmask16 mask, __m512 x) {
  StoreMasked(mask, BitsAs<Lanes<float>>(x), to);
}
inline void _mm512_mask_storeu_epi8(void* to, __mmask64 mask, __m512i x) {
  StoreMasked(mask, BitsAs<Lanes<uint8_t>>(x), to);
}
inline void _mm512_mask_cvtusepi32_storeu_epi8(void* to, __mmask16 mask, __m512i x) {
  const auto lanes = BitsAs<Lanes<uint32_t>>(x);
  StoreMasked(mask, EachOf<uint8_t>([&](int i) {
                return i < 16 ? Saturated<uint8_t>(lanes[i]) : uint8_t{0};
              }),
              to);
}

inline __m512 _mm512_add_ps(__m512 a, __m512 b) {
  return Floats([&](int i) { return a[i] + b[i]; });
}
inline __m512 _mm512_mul_ps(__m512 a, __m512 b) {
  return Floats([&](int i) { return a[i] * b[i]; });
}
// The second operand where one is NaN.
inline __m512 _mm512_max_ps(__m512 a, __m512 b) {
  return Floats([&](int i) { return a[i] > b[i] ? a[i] : b[i]; });
}
inline __m512 _mm512_min_ps(__m512 a, __m512 b) {
  return Floats([&](int i) { return a[i] < b[i] ? a[i] : b[i]; });
}
inline __m512 _mm512_cvtepi32_ps(__m512i x) {
  const auto lanes = BitsAs<Lanes<int32_t>>(x);
  return Floats([&](int i) { return static_cast<float>(lanes[i]); });
}
inline __m512i _mm512_cvtps_epi32(__m512 x) {
  return Int32s([&](int i) {
    const float rounded = std::nearbyint(x[i]);
    const bool fits = rounded >= -2147483648.0f && rounded < 2147483648.0f;
    return fits ? static_cast<int32_t>(rounded) : std::numeric_limits<int32_t>::lowest();
  });
}
inline __m512i _mm512_cvtepu8_epi32(__m128i x) {
  const auto lanes = BitsAs<std::array<uint8_t, 16>>(x);
  return Int32s([&](int i) { return lanes[i]; });
}

template <typename Combine>
inline __m512i Combined(__m512i a, __m512i b, Combine combine) {
  const auto x = BitsAs<Lanes<int32_t>>(a), y = BitsAs<Lanes<int32_t>>(b);
  return Int32s([&](int i) { return combine(x[i], y[i]); });
}
inline __m512i _mm512_add_epi32(__m512i a, __m512i b) {
  return Combined(a, b, [](uint32_t x, uint32_t y) { return x + y; });
}
inline __m512i _mm512_sub_epi32(__m512i a, __m512i b) {
  return Combined(a, b, [](uint32_t x, uint32_t y) { return x - y; });
}
inline __m512i _mm512_slli_epi32(__m512i a, unsigned count) {
  return Combined(a, a, [count](uint32_t x, uint32_t) { return x << count; });
}
inline __m512i _mm512_max_epi32(__m512i a, __m512i b) {
  return Combined(a, b, [](int32_t x, int32_t y) { return std::max(x, y); });
}
inline __m512i _mm512_min_epi32(__m512i a, __m512i b) {
  return Combined(a, b, [](int32_t x, int32_t y) { return std::min(x, y); });
}
inline __m512i _mm512_max_epu8(__m512i a, __m512i b) {
  const auto x = BitsAs<Lanes<uint8_t>>(a), y = BitsAs<Lanes<uint8_t>>(b);
  return Bytes([&](int i) { return std::max(x[i], y[i]); });
}
inline __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i codes, __m512i weights) {
  const auto s = BitsAs<Lanes<int32_t>>(sum);
  const auto u = BitsAs<Lanes<uint8_t>>(codes);
  const auto w = BitsAs<Lanes<int8_t>>(weights);
  return Int32s([&](int i) {
    int32_t products = 0;
    for (int k = 4 * i; k < 4 * i + 4; ++k) products += int32_t{u[k]} * w[k];
    return static_cast<uint32_t>(s[i]) + static_cast<uint32_t>(products);
  });
}

// What follows works within each 128 bits.
inline __m512i _mm512_packs_epi32(__m512i a, __m512i b) {
  const auto x = BitsAs<Lanes<int32_t>>(a), y = BitsAs<Lanes<int32_t>>(b);
  return BitsAs<__m512i>(EachOf<int16_t>([&](int i) {
    const auto& from = i % 8 < 4 ? x : y;
    return Saturated<int16_t>(from[i / 8 * 4 + i % 4]);
  }));
}
inline __m512i _mm512_packus_epi16(__m512i a, __m512i b) {
  const auto x = BitsAs<Lanes<int16_t>>(a), y = BitsAs<Lanes<int16_t>>(b);
  return Bytes([&](int i) {
    const auto& from = i % 16 < 8 ? x : y;
    return static_cast<uint8_t>(std::clamp<int>(from[i / 16 * 8 + i % 8], 0, 255));
  });
}
// Elements of the lower or upper half of 128 bits of a and b in turns.
template <typename T, int kHalf>
inline __m512i Interleaved(__m512i a, __m512i b) {
  constexpr int kCount = 16 / sizeof(T);
  const auto x = BitsAs<Lanes<T>>(a), y = BitsAs<Lanes<T>>(b);
  return BitsAs<__m512i>(EachOf<T>([&](int i) {
    const auto& from = i % 2 == 0 ? x : y;
    return from[i / kCount * kCount + kHalf * kCount / 2 + i % kCount / 2];
  }));
}
inline __m512i _mm512_unpacklo_epi8(__m512i a, __m512i b) { return Interleaved<uint8_t, 0>(a, b); }
inline __m512i _mm512_unpackhi_epi8(__m512i a, __m512i b) { return Interleaved<uint8_t, 1>(a, b); }
inline __m512i _mm512_unpacklo_epi16(__m512i a, __m512i b) {
  return Interleaved<uint16_t, 0>(a, b);
}
inline __m512i _mm512_unpackhi_epi16(__m512i a, __m512i b) {
  return Interleaved<uint16_t, 1>(a, b);
}

// Across them.
inline __m512i _mm512_permutexvar_epi32(__m512i from, __m512i x) {
  const auto at = BitsAs<Lanes<int32_t>>(from), lanes = BitsAs<Lanes<int32_t>>(x);
  return Int32s([&](int i) { return lanes[at[i] & 15]; });
}
inline __m256i _mm512_castsi512_si256(__m512i x) { return Load<__m256i>(&x); }
inline __m128i _mm512_extracti32x4_epi32(__m512i x, int quarter) {
  return Load<__m128i>(reinterpret_cast<const char*>(&x) + 16 * quarter);
}
// The compiler's takes AVX.
inline void _mm256_storeu_si256(__m256i* to, const __m256i& x) { std::memcpy(to, &x, sizeof(x)); }

}  // namespace adze::integer
