#include "engine/avx512/tile.h"

#if defined(__x86_64__)
#include <array>
#include <utility>

#include "engine/avx512/target.h"

namespace adze::avx512 {
namespace {

// A term at a time, in the same order for every pixel and channel whatever the tile: results do
// not depend on how the image is divided.
template <int kR, int kV>
ADZE_AVX512 void Run(const TilePass& pass) {
  const __mmask16 masks[2] = {static_cast<__mmask16>(pass.columns),
                              static_cast<__mmask16>(pass.columns >> kLanes)};
  __m512 sums[kR][kV];
  const bool reads_result = !pass.bias || pass.adds_result;
#pragma GCC unroll 14
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kV; ++v) {
      const float* at = pass.result + r * pass.result_stride + v * kLanes;
      sums[r][v] = reads_result ? _mm512_maskz_loadu_ps(masks[v], at) : _mm512_setzero_ps();
      if (pass.bias)
        sums[r][v] = _mm512_add_ps(sums[r][v], _mm512_loadu_ps(pass.bias + v * kLanes));
    }
  }
  if (pass.bias) {
    // The next tile's results, in most places to the right of these, come from memory meanwhile.
    for (int r = kR; r < 2 * kR; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kV; ++v) {
        _mm_prefetch(pass.result + r * pass.result_stride + v * kLanes, _MM_HINT_T1);
      }
    }
  }
  const float* weights = pass.weights;
  const char* next = pass.next;
  const char* const next_end = next + 64 * pass.next_lines;
  const float* const* sources = pass.sources;
  for (int64_t tap = 0; tap < pass.taps; ++tap, sources += kRows) {
    const int64_t end = pass.skip + pass.depth;
    for (int64_t i = pass.skip; i < end; ++i) {
      __m512 factors[kV];
#pragma GCC unroll 2
      for (int v = 0; v < kV; ++v) factors[v] = _mm512_loadu_ps(weights + v * kLanes);
      weights += kV * kLanes;
      if (next < next_end) {
        _mm_prefetch(next, _MM_HINT_T1);
        next += 64;
      }
#pragma GCC unroll 14
      for (int r = 0; r < kR; ++r) {
        const __m512 value = _mm512_set1_ps(sources[r][i]);
#pragma GCC unroll 2
        for (int v = 0; v < kV; ++v) sums[r][v] = _mm512_fmadd_ps(value, factors[v], sums[r][v]);
      }
    }
  }
  const __m512 low = _mm512_set1_ps(pass.low), high = _mm512_set1_ps(pass.high);
#pragma GCC unroll 14
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kV; ++v) {
      // In this order of operands NaN stays NaN.
      if (pass.clamps) sums[r][v] = _mm512_min_ps(high, _mm512_max_ps(low, sums[r][v]));
      _mm512_mask_storeu_ps(pass.result + r * pass.result_stride + v * kLanes, masks[v],
                            sums[r][v]);
    }
  }
}

using Function = void (*)(const TilePass&);

template <int kV, int... kR>
constexpr std::array<Function, kRows> Functions(std::integer_sequence<int, kR...>) {
  return {Run<kR + 1, kV>...};
}

constexpr auto kIndices = std::make_integer_sequence<int, kRows>();
constexpr std::array<Function, kRows> kFunctions[2] = {Functions<1>(kIndices),
                                                       Functions<2>(kIndices)};

}  // namespace

bool IsAvailable() {
  static const bool available = __builtin_cpu_supports("avx512f");
  return available;
}

void RunTile(const TilePass& pass, int rows, int vectors) {
  kFunctions[vectors - 1][rows - 1](pass);
}

}  // namespace adze::avx512
#else
namespace adze::avx512 {

bool IsAvailable() { return false; }
void RunTile(const TilePass&, int, int) {}

}  // namespace adze::avx512
#endif
