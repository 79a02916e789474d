// The inner loops with AVX512-VNNI: VPDPBUSD adds four products of a code and a weight to a sum.
#include "engine/integer/instructions.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#if !defined(__clang__)
// GCC 12 takes the undefined operands within its own intrinsics for a mistake.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#if !defined(ADZE_VNNI)  // tests have the instructions as loops
#define ADZE_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#endif
#define ADZE_VNNI_INLINE ADZE_VNNI __attribute__((always_inline)) inline

namespace adze::integer {
namespace {

// The numbers of an epilogue, a register each, and what it does. A copy, since a store of codes
// might change the epilogue, as far as the compiler knows.
struct Constants {
  __m512 before_high, after_high, next_scale, own_scale, own_step, residual_step;
  __m512i next_zero, low, high, own_low, own_high, residual_zero;
  bool clamps_before, has_residual, clamps_after, gives_real, gives_codes, is_wide;
  bool adds_zero, has_low, has_high;
  bool quantizes_own, own_is_wide, has_residual_codes;
};

ADZE_VNNI_INLINE Constants Load(const Epilogue& e) {
  return {.before_high = _mm512_set1_ps(e.before_high),
          .after_high = _mm512_set1_ps(e.after_high),
          .next_scale = _mm512_set1_ps(e.next_scale),
          .own_scale = _mm512_set1_ps(e.own.scale),
          .own_step = _mm512_set1_ps(e.own.step),
          .residual_step = _mm512_set1_ps(e.residual_step),
          .next_zero = _mm512_set1_epi32(e.next_zero),
          .low = _mm512_set1_epi32(e.low),
          .high = _mm512_set1_epi32(e.high),
          .own_low = _mm512_set1_epi32(e.own.low),
          .own_high = _mm512_set1_epi32(e.own.high),
          .residual_zero = _mm512_set1_epi32(e.residual_zero),
          .clamps_before = e.clamps_before,
          .has_residual = e.has_residual,
          .clamps_after = e.clamps_after,
          .gives_real = e.gives_real,
          .gives_codes = e.gives_codes,
          .is_wide = e.is_wide,
          .adds_zero = e.next_zero != 0,
          .has_low = e.low != 0,
          .has_high = e.high != 255,
          .quantizes_own = e.quantizes_own,
          .own_is_wide = e.own.is_wide,
          .has_residual_codes = e.has_residual_codes};
}

// What the inner loops of most layers do, known when they are compiled.
enum class Kind {
  kAny,
  kSimple,    // gives codes alone; clipping to 0..255 brings its activation about
  kClipped,   // the same with a zero point or a lower end than 255
  kReal,      // gives what it is as well, for a skip path
  kSum,       // adds a real skip path and gives both
  kResidual,  // the same, with an activation and no zero point
  kJoint,     // adds integers to integers and gives codes alone
};

ADZE_VNNI_INLINE Kind KindOf(const Constants& k) {
  const bool adds_codes = k.quantizes_own || k.has_residual_codes;
  if (!k.gives_codes || k.clamps_before || k.has_low) return Kind::kAny;
  if (k.gives_real) {
    if (adds_codes || k.has_high || !k.is_wide) return Kind::kAny;
    if (!k.clamps_after) return k.has_residual ? Kind::kSum : Kind::kReal;
    return k.has_residual && !k.adds_zero ? Kind::kResidual : Kind::kAny;
  }
  if (k.has_residual || k.clamps_after || k.is_wide) return Kind::kAny;
  if (!adds_codes) return k.adds_zero || k.has_high ? Kind::kClipped : Kind::kSimple;
  const bool is_joint = k.quantizes_own && k.has_residual_codes && !k.own_is_wide && !k.has_high;
  return is_joint ? Kind::kJoint : Kind::kAny;
}

// The same constants, so that the compiler knows what they are.
template <Kind kKind>
ADZE_VNNI_INLINE Constants Known(Constants k) {
  if (kKind == Kind::kAny) return k;
  k.gives_codes = true;
  k.clamps_before = k.has_low = k.own_is_wide = false;
  k.gives_real = k.is_wide =
      kKind == Kind::kReal || kKind == Kind::kSum || kKind == Kind::kResidual;
  k.has_residual = kKind == Kind::kSum || kKind == Kind::kResidual;
  k.clamps_after = kKind == Kind::kResidual;
  k.quantizes_own = k.has_residual_codes = kKind == Kind::kJoint;
  k.has_high = kKind == Kind::kClipped;                              // of 255 too
  k.adds_zero = kKind != Kind::kSimple && kKind != Kind::kResidual;  // of 0 too
  return k;
}

ADZE_VNNI_INLINE __m512 Clamp(__m512 value, __m512 high) {
  // In this order of operands NaN stays NaN.
  return _mm512_min_ps(high, _mm512_max_ps(_mm512_setzero_ps(), value));
}

// Within what an int32 holds.
ADZE_VNNI_INLINE __m512 Narrowed(__m512 scaled) {
  return _mm512_min_ps(_mm512_set1_ps(65536), _mm512_max_ps(scaled, _mm512_set1_ps(-65536)));
}

ADZE_VNNI_INLINE __m512 Requantized(__m512 real, const Constants& k) {
  const __m512 scaled = _mm512_mul_ps(real, k.own_scale);
  const __m512i integers = _mm512_cvtps_epi32(k.own_is_wide ? Narrowed(scaled) : scaled);
  const __m512i clipped = _mm512_min_epi32(_mm512_max_epi32(integers, k.own_low), k.own_high);
  return _mm512_mul_ps(_mm512_cvtepi32_ps(clipped), k.own_step);
}

ADZE_VNNI_INLINE __m512 RealOf(__m512i codes, const Constants& k) {
  const __m512i integers = _mm512_sub_epi32(codes, k.residual_zero);
  return _mm512_mul_ps(_mm512_cvtepi32_ps(integers), k.residual_step);
}

// `at`: element of the result, of 16 of which those of the mask exist.
ADZE_VNNI_INLINE __m512 RealOf(__m512 sum, __m512 scale, const Constants& k, const Places& places,
                               int64_t at, __mmask16 mask) {
  __m512 real = _mm512_mul_ps(sum, scale);
  if (k.clamps_before) real = Clamp(real, k.before_high);
  if (k.quantizes_own) real = Requantized(real, k);
  if (k.has_residual) {
    real = _mm512_add_ps(real, _mm512_maskz_loadu_ps(mask, places.residual + at));
  }
  if (k.has_residual_codes) {
    const __m128i codes =
        mask == 0xffff
            ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(places.residual_codes + at))
            : _mm_maskz_loadu_epi8(mask, places.residual_codes + at);
    real = _mm512_add_ps(real, RealOf(_mm512_cvtepu8_epi32(codes), k));
  }
  if (k.clamps_after) real = Clamp(real, k.after_high);
  return real;
}

// Codes before they are clipped to 0..255.
ADZE_VNNI_INLINE __m512i CodesOf(__m512 real, const Constants& k) {
  const __m512 scaled = _mm512_mul_ps(real, k.next_scale);
  __m512i codes = _mm512_cvtps_epi32(k.is_wide ? Narrowed(scaled) : scaled);
  if (k.adds_zero) codes = _mm512_add_epi32(codes, k.next_zero);
  if (k.has_low) codes = _mm512_max_epi32(codes, k.low);
  if (k.has_high) codes = _mm512_min_epi32(codes, k.high);
  return codes;
}

// Stores under a mask are slow.
ADZE_VNNI_INLINE void StoreReal(__m512 real, __mmask16 mask, float* out) {
  if (mask == 0xffff) {
    _mm512_storeu_ps(out, real);
  } else {
    _mm512_mask_storeu_ps(out, mask, real);
  }
}

ADZE_VNNI_INLINE void FinishVector(__m512 sum, __m512 scale, __mmask16 mask, int64_t at,
                                   const Constants& k, const Places& places) {
  const __m512 real = RealOf(sum, scale, k, places, at, mask);
  if (k.gives_real) StoreReal(real, mask, places.real + at);
  if (k.gives_codes) {
    const __m512i codes = _mm512_max_epi32(CodesOf(real, k), _mm512_setzero_si512());
    _mm512_mask_cvtusepi32_storeu_epi8(places.codes + at, mask, codes);
  }
}

// Four vectors of 16 codes each as 64 bytes; in each 128 bits of the result 4 from each vector.
ADZE_VNNI_INLINE __m512i Pack(const __m512i codes[4]) {
  return _mm512_packus_epi16(_mm512_packs_epi32(codes[0], codes[1]),
                             _mm512_packs_epi32(codes[2], codes[3]));
}

// Packed codes with those of a vector side by side.
ADZE_VNNI_INLINE __m512i InOrder(__m512i packed) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, packed);
}

// The first `count` codes, of up to kV vectors. Stores under a mask are slow.
template <int kV>
ADZE_VNNI_INLINE void Store(__m512i codes, int64_t count, uint8_t* out) {
  if (count != kV * kLanes) {
    _mm512_mask_storeu_epi8(out, count == 64 ? ~0ull : (1ull << count) - 1, codes);
    return;
  }
  if (kV == 4) {
    _mm512_storeu_si512(out, codes);
    return;
  }
  if (kV >= 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_castsi512_si256(codes));
  }
  if (kV % 2 == 1) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + (kV - 1) * kLanes),
                     _mm512_extracti32x4_epi32(codes, kV - 1));
  }
}

ADZE_VNNI_INLINE __mmask16 MaskOf(int64_t left) {
  return left >= kLanes ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
}

// `sums` is [rows][kV][kLanes].
template <int kV>
ADZE_VNNI_INLINE void FinishRows(const int32_t* sums, int rows, const Tile& tile,
                                 const Constants& k, const Places& places) {
  const int64_t first = tile.first, step = tile.step, columns = tile.columns;
  const Places to = places;
  __m512 scales[kV];
  __mmask16 masks[kV];
#pragma GCC unroll 4
  for (int v = 0; v < kV; ++v) {
    scales[v] = _mm512_loadu_ps(tile.scale + v * kLanes);
    masks[v] = MaskOf(columns - v * kLanes);
  }
  for (int r = 0; r < rows; ++r, sums += kV * kLanes) {
    const int64_t at = first + r * step;
    __m512i codes[4] = {};
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) {
      const int64_t of_vector = at + v * kLanes;
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums + v * kLanes));
      const __m512 real = RealOf(sum, scales[v], k, to, of_vector, masks[v]);
      if (k.gives_real) StoreReal(real, masks[v], to.real + of_vector);
      if (k.gives_codes) codes[v] = CodesOf(real, k);
    }
    if (k.gives_codes) Store<kV>(InOrder(Pack(codes)), columns, to.codes + at);
  }
}

template <int kV>
ADZE_VNNI void FinishTile(const int32_t* sums, int rows, const Tile& tile, const Epilogue& e,
                          const Places& places) {
  const Constants k = Load(e);
  switch (KindOf(k)) {
    case Kind::kSimple:
      return FinishRows<kV>(sums, rows, tile, Known<Kind::kSimple>(k), places);
    case Kind::kClipped:
      return FinishRows<kV>(sums, rows, tile, Known<Kind::kClipped>(k), places);
    case Kind::kReal:
      return FinishRows<kV>(sums, rows, tile, Known<Kind::kReal>(k), places);
    case Kind::kSum:
      return FinishRows<kV>(sums, rows, tile, Known<Kind::kSum>(k), places);
    case Kind::kResidual:
      return FinishRows<kV>(sums, rows, tile, Known<Kind::kResidual>(k), places);
    case Kind::kJoint:
      return FinishRows<kV>(sums, rows, tile, Known<Kind::kJoint>(k), places);
    case Kind::kAny:
      return FinishRows<kV>(sums, rows, tile, k, places);
  }
}

// Real numbers that a tile adds or writes take four times the memory of its codes, and rarely lie
// in a near cache: they come while the sums are computed.
template <int kR, int kV>
ADZE_VNNI_INLINE void FetchReals(const Tile& tile, const Places& places) {
  const float* at = places.residual ? places.residual : places.real;
  if (!at) return;
  at += tile.first;
  for (int r = 0; r < kR; ++r, at += tile.step) {
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) _mm_prefetch(at + v * kLanes, _MM_HINT_T1);
  }
}

template <int kR, int kV>
ADZE_VNNI void RunTile(const Tile& tile, const Epilogue& e, const Places& places) {
  FetchReals<kR, kV>(tile, places);
  __m512i sums[kR][kV];
#pragma GCC unroll 14
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) sums[r][v] = _mm512_loadu_si512(tile.start + v * kLanes);
  }
  const int8_t* weights = tile.weights;
  const char* next = tile.next;
  const char* const next_end = next + 64 * tile.next_lines;
  const uint8_t* const* sources = tile.sources;
  for (int64_t tap = 0; tap < tile.taps; ++tap, sources += tile.rows_apart) {
    const uint8_t* rows[kR];
#pragma GCC unroll 14
    for (int r = 0; r < kR; ++r) rows[r] = sources[r];
    for (int64_t i = 0; i < tile.quads; ++i) {
      __m512i factors[kV];
#pragma GCC unroll 4
      for (int v = 0; v < kV; ++v) factors[v] = _mm512_loadu_si512(weights + v * 64);
      weights += kV * 64;
      if (next < next_end) {
        _mm_prefetch(next, _MM_HINT_T1);
        next += 64;
      }
#pragma GCC unroll 14
      for (int r = 0; r < kR; ++r) {
        int32_t quad;
        std::memcpy(&quad, rows[r] + 4 * i, 4);
        const __m512i codes = _mm512_set1_epi32(quad);
#pragma GCC unroll 4
        for (int v = 0; v < kV; ++v) {
          sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], codes, factors[v]);
        }
      }
    }
  }
  // In memory: what indexes them by a variable would keep them there during the sums.
  alignas(64) int32_t stored[kR][kV][kLanes];
#pragma GCC unroll 14
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) _mm512_store_si512(stored[r][v], sums[r][v]);
  }
  FinishTile<kV>(stored[0][0], kR, tile, e, places);
}

using Function = void (*)(const Tile&, const Epilogue&, const Places&);

template <int kV, int... kR>
constexpr std::array<Function, kMostRows> Functions(std::integer_sequence<int, kR...>) {
  return {RunTile<kR + 1, kV>...};
}
template <int kV>
constexpr std::array<Function, kMostRows> FunctionsFor() {
  return Functions<kV>(std::make_integer_sequence<int, RowsFor(kV)>());
}

constexpr std::array<Function, kMostRows> kFunctions[kMostVectors] = {
    FunctionsFor<1>(), FunctionsFor<2>(), FunctionsFor<3>(), FunctionsFor<4>()};

void RunTileOf(const Tile& tile, int rows, int vectors, const Epilogue& e, const Places& places) {
  kFunctions[vectors - 1][rows - 1](tile, e, places);
}

ADZE_VNNI void FinishMeans(const float* means, const float* scale, int64_t count, int64_t first,
                           const Epilogue& e, const Places& places) {
  const Constants k = Load(e);
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = MaskOf(count - i);
    FinishVector(_mm512_maskz_loadu_ps(mask, means + i), _mm512_maskz_loadu_ps(mask, scale + i),
                 mask, first + i, k, places);
  }
}

ADZE_VNNI void Largest(const uint8_t* codes, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; i += 64) {
    const __mmask64 mask = count - i >= 64 ? ~0ull : (1ull << (count - i)) - 1;
    _mm512_mask_storeu_epi8(out + i, mask,
                            _mm512_max_epu8(_mm512_maskz_loadu_epi8(mask, codes + i),
                                            _mm512_maskz_loadu_epi8(mask, out + i)));
  }
}

ADZE_VNNI void Quantize(const float* values, int64_t count, const Epilogue& e, uint8_t* codes) {
  const Constants k = Load(e);
  for (int64_t i = 0; i < count; i += 64) {
    __m512i found[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const int64_t left = std::max<int64_t>(count - i - v * kLanes, 0);
      found[v] = CodesOf(_mm512_maskz_loadu_ps(MaskOf(left), values + i + v * kLanes), k);
    }
    Store<4>(InOrder(Pack(found)), std::min<int64_t>(count - i, 64), codes + i);
  }
}

// Four lines of 64 codes as four vectors of 16 times 4 lines.
ADZE_VNNI_INLINE void Interleave(const uint8_t* const lines[4], __mmask64 mask, __m512i out[4]) {
  __m512i codes[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) codes[i] = _mm512_maskz_loadu_epi8(mask, lines[i]);
  const __m512i a = _mm512_unpacklo_epi8(codes[0], codes[1]);
  const __m512i b = _mm512_unpackhi_epi8(codes[0], codes[1]);
  const __m512i c = _mm512_unpacklo_epi8(codes[2], codes[3]);
  const __m512i d = _mm512_unpackhi_epi8(codes[2], codes[3]);
  out[0] = _mm512_unpacklo_epi16(a, c);
  out[1] = _mm512_unpackhi_epi16(a, c);
  out[2] = _mm512_unpacklo_epi16(b, d);
  out[3] = _mm512_unpackhi_epi16(b, d);
}

struct DepthwiseBlock {
  int64_t channel, count;
  __mmask64 mask;
  const int8_t* weights;
};

// What the sums of a block begin with, and their scales.
ADZE_VNNI_INLINE void LoadFactors(const DepthwiseRow& row, const DepthwiseBlock& block,
                                  __m512i start[4], __m512 scales[4]) {
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    start[v] = _mm512_loadu_si512(row.packed_start + block.channel + 16 * v);
    scales[v] = _mm512_loadu_ps(row.packed_scale + block.channel + 16 * v);
  }
}

// Four rows of the image under the kernel, at the first channel of a block.
struct FourRows {
  const uint8_t* at[4];
  int64_t step[4];  // from column to column: 0 outside of the image
  const uint8_t* outside;
};

ADZE_VNNI_INLINE FourRows RowsOf(const DepthwiseRow& row, const uint8_t* const* rows, int64_t count,
                                 int64_t channel) {
  FourRows four = {};
  four.outside = row.outside + channel;
  for (int64_t i = 0; i < 4; ++i) {
    // Rows beyond the kernel meet weights of 0.
    const bool exists = i < count && rows[i] != row.outside;
    four.at[i] = (exists ? rows[i] : row.outside) + channel;
    four.step[i] = exists ? row.channels : 0;
  }
  return four;
}

ADZE_VNNI_INLINE void LoadColumn(const FourRows& rows, int64_t x, int64_t width, __mmask64 mask,
                                 __m512i out[4]) {
  const bool inside = x >= 0 && x < width;
  const uint8_t* lines[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) lines[i] = inside ? rows.at[i] + x * rows.step[i] : rows.outside;
  Interleave(lines, mask, out);
}

ADZE_VNNI_INLINE void FinishDepthwise(const __m512i sums[4], const DepthwiseRow& row,
                                      const DepthwiseBlock& block, int64_t at,
                                      const __m512 scales[4], const Epilogue& e, const Constants& k,
                                      const Places& places) {
  if (k.gives_codes && !k.gives_real && !k.has_residual && !k.has_residual_codes) {
    __m512i codes[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      codes[v] = CodesOf(RealOf(_mm512_cvtepi32_ps(sums[v]), scales[v], k, {}, 0, 0), k);
    }
    Store<4>(Pack(codes), block.count, places.codes + at);
    return;
  }
  alignas(64) float mixed[64], ordered[64];
  for (int v = 0; v < 4; ++v) _mm512_store_ps(mixed + 16 * v, _mm512_cvtepi32_ps(sums[v]));
  for (int i = 0; i < 64; ++i) ordered[i] = mixed[i % 16 / 4 * 16 + i / 16 * 4 + i % 4];
  FinishMeans(ordered, row.scale + block.channel, block.count, at, e, places);
}

// A kernel of up to four rows and three columns, side by side: the three columns under it stay in
// registers. Of kRows = 2 the second row of the result has the same four rows of the image under
// it, the kernel one further down.
template <int kStride, int kRows>
ADZE_VNNI_INLINE void SlideBlock(const DepthwiseRow& row, const DepthwiseBlock& block,
                                 const Epilogue& e, const Constants& k, const Places& places) {
  constexpr int kColumns = 3;
  alignas(64) int8_t further_down[kColumns * 256];
  if (kRows == 2) {
    for (int64_t i = 0; i < kColumns * 4; ++i) {
      const __m512i weights = _mm512_loadu_si512(block.weights + 64 * i);
      _mm512_store_si512(further_down + 64 * i, _mm512_slli_epi32(weights, 8));
    }
  }
  __m512i start[4];
  __m512 scales[4];
  LoadFactors(row, block, start, scales);
  const FourRows rows = RowsOf(row, row.rows, row.kernel_height + kRows - 1, block.channel);
  __m512i columns[kColumns][4];
  for (int i = 0; i < kColumns - kStride; ++i) {
    LoadColumn(rows, i - row.pad, row.width, block.mask, columns[i]);
  }
  int64_t at = row.first + block.channel;
  for (int64_t x = 0; x < row.out_width; ++x, at += row.channels) {
#pragma GCC unroll 2
    for (int i = kColumns - kStride; i < kColumns; ++i) {
      LoadColumn(rows, x * kStride + i - row.pad, row.width, block.mask, columns[i]);
    }
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      const int8_t* weights = r == 0 ? block.weights : further_down;
      __m512i sums[4] = {start[0], start[1], start[2], start[3]};
#pragma GCC unroll 3
      for (int i = 0; i < kColumns; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
          sums[v] = _mm512_dpbusd_epi32(sums[v], columns[i][v],
                                        _mm512_loadu_si512(weights + (4 * i + v) * 64));
        }
      }
      FinishDepthwise(sums, row, block, at + r * row.out_width * row.channels, scales, e, k,
                      places);
    }
#pragma GCC unroll 2
    for (int i = 0; i < kColumns - kStride; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) columns[i][v] = columns[i + kStride][v];
    }
  }
}

// Any kernel: the columns under it are interleaved in memory first. `rows`: [kernel_height].
ADZE_VNNI_INLINE void RunBlock(const DepthwiseRow& row, const uint8_t* const* rows, int64_t first,
                               const DepthwiseBlock& block, const Epilogue& e, const Constants& k,
                               const Places& places) {
  const int64_t quads = row.quads(), columns = row.columns(), per_column = quads * 256;
  for (int64_t q = 0; q < quads; ++q) {
    const FourRows four = RowsOf(row, rows + 4 * q, row.kernel_height - 4 * q, block.channel);
    for (int64_t c = 0; c < columns; ++c) {
      __m512i column[4];
      LoadColumn(four, c - row.pad, row.width, block.mask, column);
      for (int v = 0; v < 4; ++v) {
        _mm512_store_si512(row.scratch + c * per_column + q * 256 + 64 * v, column[v]);
      }
    }
  }
  __m512i start[4];
  __m512 scales[4];
  LoadFactors(row, block, start, scales);
  for (int64_t x = 0; x < row.out_width; ++x) {
    __m512i sums[4] = {start[0], start[1], start[2], start[3]};
    const int8_t* weights = block.weights;
    for (int64_t q = 0; q < quads; ++q) {
      for (int64_t i = 0; i < row.kernel_width; ++i, weights += 256) {
        const uint8_t* in =
            row.scratch + (x * row.stride + i * row.dilation) * per_column + q * 256;
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
          sums[v] = _mm512_dpbusd_epi32(sums[v], _mm512_load_si512(in + 64 * v),
                                        _mm512_loadu_si512(weights + 64 * v));
        }
      }
    }
    FinishDepthwise(sums, row, block, first + x * row.channels + block.channel, scales, e, k,
                    places);
  }
}

ADZE_VNNI_INLINE bool Slides(const DepthwiseRow& row) {
  return row.kernel_height + row.out_rows - 1 <= 4 && row.kernel_width == 3 && row.dilation == 1 &&
         row.stride <= 2;
}

template <int kStride, int kRows>
ADZE_VNNI_INLINE void Slide(const DepthwiseRow& row, const DepthwiseBlock& block, const Epilogue& e,
                            const Constants& k, const Places& places) {
  switch (KindOf(k)) {
    case Kind::kSimple:
      return SlideBlock<kStride, kRows>(row, block, e, Known<Kind::kSimple>(k), places);
    case Kind::kClipped:
      return SlideBlock<kStride, kRows>(row, block, e, Known<Kind::kClipped>(k), places);
    default:
      return SlideBlock<kStride, kRows>(row, block, e, k, places);
  }
}

ADZE_VNNI void RunDepthwise(const DepthwiseRow& given, const Epilogue& e, const Places& to) {
  const DepthwiseRow row = given;  // copies, as Constants are
  const Places places = to;
  const Constants k = Load(e);
  for (int64_t channel = 0; channel < row.channels; channel += 64) {
    DepthwiseBlock block{.channel = channel,
                         .count = std::min<int64_t>(64, row.channels - channel)};
    block.mask = block.count == 64 ? ~0ull : (1ull << block.count) - 1;
    block.weights = row.packed + channel * row.quads() * row.kernel_width * 4;
    if (!Slides(row)) {
      for (int64_t r = 0; r < row.out_rows; ++r) {
        RunBlock(row, row.rows + r, row.first + r * row.out_width * row.channels, block, e, k,
                 places);
      }
    } else if (row.out_rows == 2) {
      Slide<1, 2>(row, block, e, k, places);
    } else if (row.stride == 1) {
      Slide<1, 1>(row, block, e, k, places);
    } else {
      Slide<2, 1>(row, block, e, k, places);
    }
  }
}

}  // namespace

const Instructions kVnni = {"AVX512-VNNI", "vnni",   RunTileOf, RunDepthwise,
                            FinishMeans,   Quantize, Largest};

}  // namespace adze::integer
#endif
