#include "quant/sift.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The headers of GCC 12 warn of their own undefined operands (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace adze {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffffu;

// Continues what `sifted` holds. Floats are ordered by integers, whose maxima a compiler can
// compute side by side.
void SiftPortable(std::span<const float> values, Sifted* sifted) {
  const auto rank = [](float value) {
    const auto bits = std::bit_cast<int32_t>(value);
    return bits ^ ((bits >> 31) & 0x7fffffff);
  };
  uint32_t most_magnitude = sifted->most_magnitude;
  int32_t least = rank(sifted->least), most = rank(sifted->most);
  for (float value : values) {
    most_magnitude = std::max(most_magnitude, std::bit_cast<uint32_t>(value) & kMagnitude);
    least = std::min(least, rank(value));
    most = std::max(most, rank(value));
  }
  uint32_t least_magnitude = sifted->least_magnitude;
  int nonzero = sifted->num_nonzero;
  for (float value : values) {
    const auto bits = std::bit_cast<uint32_t>(value);
    const bool is_nonzero = (bits & kMagnitude) >= kLeastBits;
    sifted->nonzero[nonzero] = bits;
    nonzero += is_nonzero;
    least_magnitude = std::min(least_magnitude, is_nonzero ? bits & kMagnitude : UINT32_MAX);
  }
  const auto unrank = [](int32_t number) {
    return std::bit_cast<float>(number ^ ((number >> 31) & 0x7fffffff));
  };
  sifted->most_magnitude = most_magnitude;
  sifted->least_magnitude = least_magnitude;
  sifted->least = unrank(least);
  sifted->most = unrank(most);
  sifted->num_nonzero = nonzero;
}

#if defined(__x86_64__)
// For each set of 8 lanes: their numbers, one a byte, in order.
constexpr std::array<uint64_t, 256> kLanes = [] {
  std::array<uint64_t, 256> lanes = {};
  for (int set = 0; set < 256; ++set) {
    for (int lane = 0, place = 0; lane < 8; ++lane) {
      if (set >> lane & 1) lanes[set] |= static_cast<uint64_t>(lane) << 8 * place++;
    }
  }
  return lanes;
}();

__attribute__((target("avx2,popcnt"))) void SiftAvx2(std::span<const float> values,
                                                     Sifted* sifted) {
  const __m256i magnitude_bits = _mm256_set1_epi32(kMagnitude);
  const __m256i below_least = _mm256_set1_epi32(kLeastBits - 1);
  const __m256i all_bits = _mm256_set1_epi32(-1);
  __m256 least = _mm256_set1_ps(sifted->least), most = _mm256_set1_ps(sifted->most);
  __m256i most_magnitude = _mm256_setzero_si256();
  __m256i least_magnitude = all_bits;
  int nonzero = 0;
  size_t i = 0;
  for (; i + 8 <= values.size(); i += 8) {
    const __m256 x = _mm256_loadu_ps(values.data() + i);
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i magnitude = _mm256_and_si256(bits, magnitude_bits);
    least = _mm256_min_ps(x, least);
    most = _mm256_max_ps(x, most);
    most_magnitude = _mm256_max_epu32(most_magnitude, magnitude);
    const __m256i counts = _mm256_cmpgt_epi32(magnitude, below_least);
    least_magnitude = _mm256_min_epu32(
        least_magnitude, _mm256_or_si256(magnitude, _mm256_xor_si256(counts, all_bits)));
    const auto is_nonzero = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(counts)));
    const __m256i lanes =
        _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(kLanes[is_nonzero])));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sifted->nonzero + nonzero),
                        _mm256_permutevar8x32_epi32(bits, lanes));
    nonzero += std::popcount(is_nonzero);
  }
  alignas(32) float lows[8], highs[8];
  alignas(32) uint32_t magnitudes[8], least_magnitudes[8];
  _mm256_store_ps(lows, least);
  _mm256_store_ps(highs, most);
  _mm256_store_si256(reinterpret_cast<__m256i*>(magnitudes), most_magnitude);
  _mm256_store_si256(reinterpret_cast<__m256i*>(least_magnitudes), least_magnitude);
  sifted->least_magnitude = *std::min_element(least_magnitudes, least_magnitudes + 8);
  sifted->least = *std::min_element(lows, lows + 8);
  sifted->most = *std::max_element(highs, highs + 8);
  sifted->most_magnitude = *std::max_element(magnitudes, magnitudes + 8);
  sifted->num_nonzero = nonzero;
  if (i < values.size()) SiftPortable(values.subspan(i), sifted);
}

__attribute__((target("avx512f,popcnt"))) void SiftAvx512(std::span<const float> values,
                                                          Sifted* sifted) {
  const __m512i magnitude_bits = _mm512_set1_epi32(kMagnitude);
  const __m512i least_bits = _mm512_set1_epi32(kLeastBits);
  __m512 least = _mm512_set1_ps(sifted->least), most = _mm512_set1_ps(sifted->most);
  __m512i most_magnitude = _mm512_setzero_si512();
  __m512i least_magnitude = _mm512_set1_epi32(-1);
  int nonzero = 0;
  size_t i = 0;
  for (; i + 16 <= values.size(); i += 16) {
    __builtin_prefetch(values.data() + i + Sifted::kBlock, 0, 2);
    const __m512 x = _mm512_loadu_ps(values.data() + i);
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i magnitude = _mm512_and_si512(bits, magnitude_bits);
    least = _mm512_min_ps(x, least);
    most = _mm512_max_ps(x, most);
    most_magnitude = _mm512_max_epu32(most_magnitude, magnitude);
    const __mmask16 is_nonzero = _mm512_cmpge_epu32_mask(magnitude, least_bits);
    least_magnitude =
        _mm512_mask_min_epu32(least_magnitude, is_nonzero, least_magnitude, magnitude);
    // Compressing in a register and storing all of it beats the compressing store.
    _mm512_storeu_si512(sifted->nonzero + nonzero, _mm512_maskz_compress_epi32(is_nonzero, bits));
    nonzero += std::popcount(static_cast<unsigned>(is_nonzero));
  }
  sifted->least = _mm512_reduce_min_ps(least);
  sifted->most = _mm512_reduce_max_ps(most);
  sifted->most_magnitude = _mm512_reduce_max_epu32(most_magnitude);
  sifted->least_magnitude = _mm512_reduce_min_epu32(least_magnitude);
  sifted->num_nonzero = nonzero;
  if (i < values.size()) SiftPortable(values.subspan(i), sifted);
}
#endif

constexpr float kInfinity = std::numeric_limits<float>::infinity();

size_t SelectEach(std::span<const float> values, float sign, float threshold, float* out) {
  size_t count = 0;
  for (const float value : values) {
    const float x = sign * value;
    out[count] = x;
    count += x > threshold && x < kInfinity;
  }
  return count;
}

// A test of several values at once takes the place of most branches.
size_t SelectPortable(std::span<const float> values, float sign, float threshold, float* out) {
  constexpr size_t kGroup = 16;
  size_t count = 0;
  for (; values.size() >= kGroup; values = values.subspan(kGroup)) {
    int wanted = 0;
    for (size_t i = 0; i < kGroup; ++i) wanted |= sign * values[i] > threshold;
    if (wanted) count += SelectEach(values.first(kGroup), sign, threshold, out + count);
  }
  return count + SelectEach(values, sign, threshold, out + count);
}

#if defined(__x86_64__)
__attribute__((target("avx512f,popcnt"))) size_t SelectAvx512(std::span<const float> values,
                                                              float sign, float threshold,
                                                              float* out) {
  const __m512 signs = _mm512_set1_ps(sign), thresholds = _mm512_set1_ps(threshold);
  const __m512 infinities = _mm512_set1_ps(kInfinity);
  size_t count = 0, i = 0;
  for (; i + 16 <= values.size(); i += 16) {
    const __m512 x = _mm512_mul_ps(signs, _mm512_loadu_ps(values.data() + i));
    const __mmask16 beyond = _mm512_cmp_ps_mask(x, thresholds, _CMP_GT_OQ);
    if (beyond == 0) continue;
    const __mmask16 wanted = _mm512_mask_cmp_ps_mask(beyond, x, infinities, _CMP_LT_OQ);
    _mm512_storeu_ps(out + count, _mm512_maskz_compress_ps(wanted, x));
    count += std::popcount(static_cast<unsigned>(wanted));
  }
  return count + SelectEach(values.subspan(i), sign, threshold, out + count);
}
#endif

}  // namespace

void Sift(std::span<const float> values, Sifted* sifted, Simd simd) {
  sifted->most_magnitude = 0;
  sifted->least_magnitude = UINT32_MAX;
  sifted->least = std::numeric_limits<float>::infinity();
  sifted->most = -std::numeric_limits<float>::infinity();
  sifted->num_nonzero = 0;
#if defined(__x86_64__)
  if (simd == Simd::kAvx512) return SiftAvx512(values, sifted);
  if (simd == Simd::kAvx2) return SiftAvx2(values, sifted);
#endif
  SiftPortable(values, sifted);
}

size_t SelectBeyond(std::span<const float> values, float sign, float threshold, float* out,
                    Simd simd) {
#if defined(__x86_64__)
  if (simd == Simd::kAvx512) return SelectAvx512(values, sign, threshold, out);
#endif
  return SelectPortable(values, sign, threshold, out);
}

}  // namespace adze
