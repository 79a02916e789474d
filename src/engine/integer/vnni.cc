// The inner loops with AVX512-VNNI: VPDPBUSD adds four products of a code and a weight to a sum.
#include "engine/integer/instructions.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#if !defined(__clang__)
// GCC 12 takes the undefined operands within its own intrinsics for a mistake.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define ADZE_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define ADZE_VNNI_INLINE ADZE_VNNI __attribute__((always_inline)) inline

namespace adze::integer {
namespace {

// The numbers of an epilogue, a register each.
struct Constants {
  __m512 before_high, after_high, next_scale;
  __m512i next_zero, low, high;
};

ADZE_VNNI_INLINE Constants Load(const Epilogue& e) {
  return {_mm512_set1_ps(e.before_high), _mm512_set1_ps(e.after_high),
          _mm512_set1_ps(e.next_scale),  _mm512_set1_epi32(e.next_zero),
          _mm512_set1_epi32(e.low),      _mm512_set1_epi32(e.high)};
}

ADZE_VNNI_INLINE __m512 Clamp(__m512 value, __m512 high) {
  // In this order of operands NaN stays NaN.
  return _mm512_min_ps(high, _mm512_max_ps(_mm512_setzero_ps(), value));
}

ADZE_VNNI_INLINE __m512 RealOf(__m512 sum, __m512 scale, const Epilogue& e, const Constants& k,
                               const float* residual, __mmask16 mask) {
  __m512 real = _mm512_mul_ps(sum, scale);
  if (e.clamps_before) real = Clamp(real, k.before_high);
  if (e.has_residual) real = _mm512_add_ps(real, _mm512_maskz_loadu_ps(mask, residual));
  if (e.clamps_after) real = Clamp(real, k.after_high);
  return real;
}

// Codes before they are clipped to 0..255.
ADZE_VNNI_INLINE __m512i CodesOf(__m512 real, const Epilogue& e, const Constants& k) {
  __m512 scaled = _mm512_mul_ps(real, k.next_scale);
  if (e.is_wide) {
    const __m512 most = _mm512_set1_ps(65536);
    scaled = _mm512_min_ps(most, _mm512_max_ps(scaled, _mm512_set1_ps(-65536)));
  }
  __m512i codes = _mm512_cvtps_epi32(scaled);
  if (e.next_zero != 0) codes = _mm512_add_epi32(codes, k.next_zero);
  if (e.low != 0) codes = _mm512_max_epi32(codes, k.low);
  if (e.high != 255) codes = _mm512_min_epi32(codes, k.high);
  return codes;
}

ADZE_VNNI_INLINE void FinishVector(__m512 sum, __m512 scale, __mmask16 mask, int64_t at,
                                   const Epilogue& e, const Constants& k, const Places& places) {
  const __m512 real = RealOf(sum, scale, e, k, places.residual + at, mask);
  if (e.gives_real) _mm512_mask_storeu_ps(places.real + at, mask, real);
  if (e.gives_codes) {
    const __m512i codes = _mm512_max_epi32(CodesOf(real, e, k), _mm512_setzero_si512());
    _mm512_mask_cvtusepi32_storeu_epi8(places.codes + at, mask, codes);
  }
}

// Four vectors of 16 codes each as 64 bytes; in each 128 bits of the result 4 from each vector.
ADZE_VNNI_INLINE __m512i Pack(const __m512i codes[4]) {
  return _mm512_packus_epi16(_mm512_packs_epi32(codes[0], codes[1]),
                             _mm512_packs_epi32(codes[2], codes[3]));
}

ADZE_VNNI_INLINE __mmask16 MaskOf(int64_t left) {
  return left >= kLanes ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
}

// `sums` is [rows][kV][kLanes].
template <int kV>
ADZE_VNNI_INLINE void FinishTile(const int32_t* sums, int rows, const Tile& tile, const Epilogue& e,
                                 const Places& places) {
  const Constants k = Load(e);
  __m512 scales[kV];
  __mmask16 masks[kV];
#pragma GCC unroll 4
  for (int v = 0; v < kV; ++v) {
    scales[v] = _mm512_loadu_ps(tile.scale + v * kLanes);
    masks[v] = MaskOf(tile.columns - v * kLanes);
  }
  const bool packs = kV == 4 && tile.columns == 4 * kLanes && e.gives_codes;
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  for (int r = 0; r < rows; ++r, sums += kV * kLanes) {
    const int64_t at = tile.first + r * tile.step;
    if (packs) {
      __m512i codes[4];
#pragma GCC unroll 4
      for (int v = 0; v < kV; ++v) {
        const int64_t of_vector = at + v * kLanes;
        const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums + v * kLanes));
        const __m512 real = RealOf(sum, scales[v], e, k, places.residual + of_vector, 0xffff);
        if (e.gives_real) _mm512_storeu_ps(places.real + of_vector, real);
        codes[v] = CodesOf(real, e, k);
      }
      _mm512_storeu_si512(places.codes + at, _mm512_permutexvar_epi32(order, Pack(codes)));
      continue;
    }
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) {
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums + v * kLanes));
      FinishVector(sum, scales[v], masks[v], at + v * kLanes, e, k, places);
    }
  }
}

template <int kR, int kV>
ADZE_VNNI void RunTile(const Tile& tile, const Epilogue& e, const Places& places) {
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
                 mask, first + i, e, k, places);
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
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = MaskOf(count - i);
    const __m512i found = CodesOf(_mm512_maskz_loadu_ps(mask, values + i), e, k);
    _mm512_mask_cvtusepi32_storeu_epi8(codes + i, mask,
                                       _mm512_max_epi32(found, _mm512_setzero_si512()));
  }
}

// Four rows of 64 codes as four vectors of 16 times 4 rows.
ADZE_VNNI_INLINE void Interleave(const uint8_t* const rows[4], __mmask64 mask, uint8_t* out) {
  __m512i lines[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) lines[i] = _mm512_maskz_loadu_epi8(mask, rows[i]);
  const __m512i a = _mm512_unpacklo_epi8(lines[0], lines[1]);
  const __m512i b = _mm512_unpackhi_epi8(lines[0], lines[1]);
  const __m512i c = _mm512_unpacklo_epi8(lines[2], lines[3]);
  const __m512i d = _mm512_unpackhi_epi8(lines[2], lines[3]);
  _mm512_store_si512(out, _mm512_unpacklo_epi16(a, c));
  _mm512_store_si512(out + 64, _mm512_unpackhi_epi16(a, c));
  _mm512_store_si512(out + 128, _mm512_unpacklo_epi16(b, d));
  _mm512_store_si512(out + 192, _mm512_unpackhi_epi16(b, d));
}

struct DepthwiseBlock {
  int64_t channel, count;
  __mmask64 mask;
  const int8_t* weights;
};

ADZE_VNNI_INLINE void FinishDepthwise(const __m512i sums[4], const DepthwiseRow& row,
                                      const DepthwiseBlock& block, int64_t x,
                                      const __m512 scales[4], const Epilogue& e, const Constants& k,
                                      const Places& places) {
  const int64_t at = row.first + x * row.channels + block.channel;
  if (e.gives_codes && !e.gives_real && !e.has_residual) {
    __m512i codes[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      codes[v] = CodesOf(RealOf(_mm512_cvtepi32_ps(sums[v]), scales[v], e, k, nullptr, 0), e, k);
    }
    _mm512_mask_storeu_epi8(places.codes + at, block.mask, Pack(codes));
    return;
  }
  alignas(64) float mixed[64], ordered[64];
  for (int v = 0; v < 4; ++v) _mm512_store_ps(mixed + 16 * v, _mm512_cvtepi32_ps(sums[v]));
  for (int i = 0; i < 64; ++i) ordered[i] = mixed[i % 16 / 4 * 16 + i / 16 * 4 + i % 4];
  FinishMeans(ordered, row.scale + block.channel, block.count, at, e, places);
}

// kWidth: the kernel's width if it is known and there is one quad of rows; 0: any.
template <int kWidth>
ADZE_VNNI_INLINE void RunBlock(const DepthwiseRow& row, const DepthwiseBlock& block,
                               const Epilogue& e, const Places& places) {
  const Constants k = Load(e);
  const int64_t quads = row.quads(), per_column = quads * 256;
  __m512i start[4];
  __m512 scales[4];
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    start[v] = _mm512_loadu_si512(row.packed_start + block.channel + 16 * v);
    scales[v] = _mm512_loadu_ps(row.packed_scale + block.channel + 16 * v);
  }
  if (kWidth > 0) {
    __m512i weights[kWidth > 0 ? kWidth : 1][4];
#pragma GCC unroll 3
    for (int i = 0; i < kWidth; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        weights[i][v] = _mm512_loadu_si512(block.weights + (4 * i + v) * 64);
      }
    }
    for (int64_t x = 0; x < row.out_width; ++x) {
      const uint8_t* in = row.scratch + x * row.stride * 256;
      __m512i sums[4] = {start[0], start[1], start[2], start[3]};
#pragma GCC unroll 3
      for (int i = 0; i < kWidth; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
          const __m512i codes = _mm512_load_si512(in + i * row.dilation * 256 + 64 * v);
          sums[v] = _mm512_dpbusd_epi32(sums[v], codes, weights[i][v]);
        }
      }
      FinishDepthwise(sums, row, block, x, scales, e, k, places);
    }
    return;
  }
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
    FinishDepthwise(sums, row, block, x, scales, e, k, places);
  }
}

ADZE_VNNI void RunDepthwise(const DepthwiseRow& row, const Epilogue& e, const Places& places) {
  const int64_t quads = row.quads(), columns = row.columns();
  for (int64_t channel = 0; channel < row.channels; channel += 64) {
    DepthwiseBlock block{.channel = channel,
                         .count = std::min<int64_t>(64, row.channels - channel)};
    block.mask = block.count == 64 ? ~0ull : (1ull << block.count) - 1;
    block.weights = row.packed + channel * quads * row.kernel_width * 4;
    for (int64_t q = 0; q < quads; ++q) {
      const uint8_t* of_quad[4];
      for (int64_t i = 0; i < 4; ++i) {
        // Rows beyond the kernel meet weights of 0.
        const bool exists = 4 * q + i < row.kernel_height;
        of_quad[i] = exists ? row.rows[4 * q + i] : row.outside;
      }
      for (int64_t c = 0; c < columns; ++c) {
        const int64_t x = c - row.pad;
        const bool inside = x >= 0 && x < row.width;
        const uint8_t* lines[4];
        for (int i = 0; i < 4; ++i) {
          lines[i] =
              (inside && of_quad[i] != row.outside ? of_quad[i] + x * row.channels : row.outside) +
              channel;
        }
        Interleave(lines, block.mask, row.scratch + (c * quads + q) * 256);
      }
    }
    if (quads == 1 && row.kernel_width == 3) {
      RunBlock<3>(row, block, e, places);
    } else {
      RunBlock<0>(row, block, e, places);
    }
  }
}

}  // namespace

const Instructions kVnni = {"AVX512-VNNI", RunTileOf, RunDepthwise, FinishMeans, Quantize, Largest};

}  // namespace adze::integer
#endif
