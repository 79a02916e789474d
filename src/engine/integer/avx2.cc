// The inner loops with AVX2. VPMADDUBSW would saturate: codes and weights are widened to 16 bits.
#include "engine/integer/plain.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define ADZE_AVX2 __attribute__((target("avx2")))

namespace adze::integer {
namespace {

// Four channels' four products each, the first two and the last two of a channel added.
ADZE_AVX2 __attribute__((always_inline)) inline __m256i Products(__m256i codes,
                                                                 const int8_t* weights) {
  const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights));
  return _mm256_madd_epi16(codes, _mm256_cvtepi8_epi16(packed));
}

template <int kR>
ADZE_AVX2 void RunRows(const Tile& tile, int first_row, int vectors, const Epilogue& e,
                       const Places& places) {
  int32_t sums[kR][kMostVectors * kLanes];
  const int64_t line = 4 * vectors * kLanes;
  for (int v = 0; v < vectors; ++v) {
    for (int half = 0; half < 2; ++half) {
      const int channel = v * kLanes + half * 8;
      __m256i pairs[kR][2];
      for (int r = 0; r < kR; ++r) pairs[r][0] = pairs[r][1] = _mm256_setzero_si256();
      const int8_t* weights = tile.weights + 4 * channel;
      for (int64_t tap = 0; tap < tile.taps; ++tap) {
        const uint8_t* const* sources = tile.sources + tap * tile.rows_apart + first_row;
        for (int64_t i = 0; i < tile.quads; ++i, weights += line) {
          for (int r = 0; r < kR; ++r) {
            int32_t quad;
            std::memcpy(&quad, sources[r] + 4 * i, 4);
            const __m256i codes =
                _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(quad)));
            for (int k = 0; k < 2; ++k) {
              pairs[r][k] = _mm256_add_epi32(pairs[r][k], Products(codes, weights + 16 * k));
            }
          }
        }
      }
      for (int r = 0; r < kR; ++r) {
        // Channels 0 1 4 5 2 3 6 7.
        const __m256i mixed = _mm256_hadd_epi32(pairs[r][0], pairs[r][1]);
        const __m256i ordered = _mm256_permute4x64_epi64(mixed, 0xd8);
        const auto* start = reinterpret_cast<const __m256i*>(tile.start + channel);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums[r] + channel),
                            _mm256_add_epi32(ordered, _mm256_loadu_si256(start)));
      }
    }
  }
  for (int r = 0; r < kR; ++r) {
    plain::Finish(sums[r], tile.scale, tile.columns, tile.first + (first_row + r) * tile.step, e,
                  places);
  }
}

ADZE_AVX2 void RunTile(const Tile& tile, int rows, int vectors, const Epilogue& e,
                       const Places& places) {
  int r = 0;
  for (; r + 4 <= rows; r += 4) RunRows<4>(tile, r, vectors, e, places);
  for (; r < rows; ++r) RunRows<1>(tile, r, vectors, e, places);
}

ADZE_AVX2 void RunDepthwise(const DepthwiseRow& row, const Epilogue& e, const Places& places) {
  plain::RunDepthwise(row, e, places);
}
ADZE_AVX2 void FinishMeans(const float* means, const float* scale, int64_t count, int64_t first,
                           const Epilogue& e, const Places& places) {
  plain::Finish(means, scale, count, first, e, places);
}
ADZE_AVX2 void Quantize(const float* values, int64_t count, const Epilogue& e, uint8_t* codes) {
  plain::Quantize(values, count, e, codes);
}
ADZE_AVX2 void Largest(const uint8_t* codes, int64_t count, uint8_t* out) {
  plain::Largest(codes, count, out);
}

}  // namespace

const Instructions kAvx2 = {"AVX2", "avx2", RunTile, RunDepthwise, FinishMeans, Quantize, Largest};

}  // namespace adze::integer
#endif
