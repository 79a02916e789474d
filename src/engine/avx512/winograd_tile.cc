#include "engine/avx512/winograd_tile.h"

#if defined(__x86_64__)
#include "engine/avx512/target.h"

namespace adze::avx512 {

ADZE_AVX512 void PatchToPoints(const float* const* pixels, int64_t channels, float* out,
                               int64_t stride) {
  for (int64_t c = 0; c < channels; c += kLanes, out += kLanes) {
    __m512 t[kPatch][kPatch];
#pragma GCC unroll 4
    for (int j = 0; j < kPatch; ++j) {
      const __m512 d0 = _mm512_loadu_ps(pixels[j] + c);
      const __m512 d1 = _mm512_loadu_ps(pixels[kPatch + j] + c);
      const __m512 d2 = _mm512_loadu_ps(pixels[2 * kPatch + j] + c);
      const __m512 d3 = _mm512_loadu_ps(pixels[3 * kPatch + j] + c);
      t[0][j] = _mm512_sub_ps(d0, d2);
      t[1][j] = _mm512_add_ps(d1, d2);
      t[2][j] = _mm512_sub_ps(d2, d1);
      t[3][j] = _mm512_sub_ps(d1, d3);
    }
    float* to = out;
#pragma GCC unroll 4
    for (int i = 0; i < kPatch; ++i, to += kPatch * stride) {
      _mm512_storeu_ps(to, _mm512_sub_ps(t[i][0], t[i][2]));
      _mm512_storeu_ps(to + stride, _mm512_add_ps(t[i][1], t[i][2]));
      _mm512_storeu_ps(to + 2 * stride, _mm512_sub_ps(t[i][2], t[i][1]));
      _mm512_storeu_ps(to + 3 * stride, _mm512_sub_ps(t[i][1], t[i][3]));
    }
  }
}

ADZE_AVX512 void PointsToResults(const PointSums& sums, float* const* pixels) {
  const __m512 low = _mm512_set1_ps(sums.low), high = _mm512_set1_ps(sums.high);
  for (int v = 0; v < sums.vectors; ++v) {
    __m512 s[kSide][kPatch];
#pragma GCC unroll 4
    for (int j = 0; j < kPatch; ++j) {
      const float* at = sums.at + j * sums.stride + v * kLanes;
      const __m512 m0 = _mm512_loadu_ps(at);
      const __m512 m1 = _mm512_loadu_ps(at + kPatch * sums.stride);
      const __m512 m2 = _mm512_loadu_ps(at + 2 * kPatch * sums.stride);
      const __m512 m3 = _mm512_loadu_ps(at + 3 * kPatch * sums.stride);
      s[0][j] = _mm512_add_ps(_mm512_add_ps(m0, m1), m2);
      s[1][j] = _mm512_sub_ps(_mm512_sub_ps(m1, m2), m3);
    }
    const __m512 bias = _mm512_loadu_ps(sums.bias + v * kLanes);
#pragma GCC unroll 2
    for (int i = 0; i < kSide; ++i) {
      const __m512 results[kSide] = {_mm512_add_ps(_mm512_add_ps(s[i][0], s[i][1]), s[i][2]),
                                     _mm512_sub_ps(_mm512_sub_ps(s[i][1], s[i][2]), s[i][3])};
#pragma GCC unroll 2
      for (int j = 0; j < kSide; ++j) {
        float* const pixel = pixels[i * kSide + j];
        if (!pixel) continue;
        __m512 y = _mm512_add_ps(results[j], bias);
        if (sums.adds_result) y = _mm512_add_ps(y, _mm512_loadu_ps(pixel + v * kLanes));
        // In this order of operands NaN stays NaN.
        if (sums.clamps) y = _mm512_min_ps(high, _mm512_max_ps(low, y));
        _mm512_storeu_ps(pixel + v * kLanes, y);
      }
    }
  }
}

}  // namespace adze::avx512
#else
namespace adze::avx512 {

void PatchToPoints(const float* const*, int64_t, float*, int64_t) {}
void PointsToResults(const PointSums&, float* const*) {}

}  // namespace adze::avx512
#endif
