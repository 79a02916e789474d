#include "quant/sift.h"

#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace adze {
namespace {

void SiftPortable(std::span<const float> values, float low, float high, Sifted* sifted) {
  int nonzero = sifted->num_nonzero, above = sifted->num_above, below = sifted->num_below;
  for (float value : values) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    sifted->nonzero[nonzero] = bits;
    nonzero += (bits & 0x7fffffffu) >= kLeastBits;
    sifted->above[above] = value;
    above += value > high;
    sifted->below[below] = value;
    below += value < low;
  }
  sifted->num_nonzero = nonzero;
  sifted->num_above = above;
  sifted->num_below = below;
}

#if defined(__x86_64__)
__attribute__((target("avx512f,popcnt"))) void SiftAvx512(std::span<const float> values, float low,
                                                          float high, Sifted* sifted) {
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i least = _mm512_set1_epi32(kLeastBits);
  const __m512 lows = _mm512_set1_ps(low), highs = _mm512_set1_ps(high);
  int nonzero = 0, above = 0, below = 0;
  size_t i = 0;
  for (; i + 16 <= values.size(); i += 16) {
    const __m512 x = _mm512_loadu_ps(values.data() + i);
    const __m512i bits = _mm512_castps_si512(x);
    const __mmask16 is_nonzero = _mm512_cmpge_epu32_mask(_mm512_and_si512(bits, magnitude), least);
    // Compressing in a register and storing all of it beats the compressing store.
    _mm512_storeu_si512(sifted->nonzero + nonzero, _mm512_maskz_compress_epi32(is_nonzero, bits));
    nonzero += std::popcount(static_cast<unsigned>(is_nonzero));
    const __mmask16 is_above = _mm512_cmp_ps_mask(x, highs, _CMP_GT_OQ);
    const __mmask16 is_below = _mm512_cmp_ps_mask(x, lows, _CMP_LT_OQ);
    if (__builtin_expect(is_above | is_below, 0)) {
      _mm512_storeu_ps(sifted->above + above, _mm512_maskz_compress_ps(is_above, x));
      _mm512_storeu_ps(sifted->below + below, _mm512_maskz_compress_ps(is_below, x));
      above += std::popcount(static_cast<unsigned>(is_above));
      below += std::popcount(static_cast<unsigned>(is_below));
    }
  }
  sifted->num_nonzero = nonzero;
  sifted->num_above = above;
  sifted->num_below = below;
  SiftPortable(values.subspan(i), low, high, sifted);
}

bool HasAvx512() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("popcnt");
  return has;
}
#endif

}  // namespace

void Sift(std::span<const float> values, float low, float high, Sifted* sifted) {
#if defined(__x86_64__)
  if (HasAvx512()) return SiftAvx512(values, low, high, sifted);
#endif
  sifted->num_nonzero = sifted->num_above = sifted->num_below = 0;
  SiftPortable(values, low, high, sifted);
}

}  // namespace adze
