#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/integer/instructions.h"

// The inner loops in plain C++, always inlined: a function with a `target` attribute that calls
// them is compiled for that target.
namespace adze::integer::plain {

#define ADZE_INLINE __attribute__((always_inline)) inline

ADZE_INLINE float Clamp(float value, float high) {
  const float above = value < 0 ? 0 : value;
  return above > high ? high : above;
}

// The nearest integer, half to even, of what is within +-65536; that, of what is beyond.
ADZE_INLINE int32_t Rounded(float value) {
  const float low = value > -65536 ? value : -65536.0f;
  const float clipped = low < 65536 ? low : 65536.0f;
  // Adding 1.5 * 2^23 leaves no bits for the fraction: rounds half to even.
  constexpr float kMagic = 12582912;
  return static_cast<int32_t>((clipped + kMagic) - kMagic);
}

ADZE_INLINE uint8_t CodeOf(float real, const Epilogue& e) {
  const int32_t code = Rounded(real * e.next_scale) + e.next_zero;
  return static_cast<uint8_t>(std::min(std::max(code, e.low), e.high));
}

ADZE_INLINE float Requantized(float real, const Epilogue::Own& own) {
  const int32_t integer = std::min(std::max(Rounded(real * own.scale), own.low), own.high);
  return static_cast<float>(integer) * own.step;
}

template <typename Sum>
ADZE_INLINE void Finish(const Sum* sums, const float* scale, int64_t count, int64_t first,
                        const Epilogue& e, const Places& places) {
  for (int64_t i = 0; i < count; ++i) {
    float real = static_cast<float>(sums[i]) * scale[i];
    if (e.clamps_before) real = Clamp(real, e.before_high);
    if (e.quantizes_own) real = Requantized(real, e.own);
    if (e.has_residual) real += places.residual[first + i];
    if (e.has_residual_codes) {
      const int32_t integer = int32_t{places.residual_codes[first + i]} - e.residual_zero;
      real += static_cast<float>(integer) * e.residual_step;
    }
    if (e.clamps_after) real = Clamp(real, e.after_high);
    if (e.gives_real) places.real[first + i] = real;
    if (e.gives_codes) places.codes[first + i] = CodeOf(real, e);
  }
}

ADZE_INLINE void Quantize(const float* values, int64_t count, const Epilogue& e, uint8_t* codes) {
  for (int64_t i = 0; i < count; ++i) codes[i] = CodeOf(values[i], e);
}

ADZE_INLINE void Largest(const uint8_t* codes, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = std::max(out[i], codes[i]);
}

ADZE_INLINE void RunDepthwise(const DepthwiseRow& row, const Epilogue& e, const Places& places) {
  constexpr int64_t kBlock = 64;
  int32_t sums[kBlock];
  for (int64_t x = 0; x < row.out_width; ++x) {
    for (int64_t channel = 0; channel < row.channels; channel += kBlock) {
      const int64_t count = std::min(kBlock, row.channels - channel);
      std::copy_n(row.start + channel, count, sums);
      const int8_t* weights = row.weights + channel;
      for (int64_t ky = 0; ky < row.kernel_height; ++ky) {
        for (int64_t kx = 0; kx < row.kernel_width; ++kx, weights += row.channels) {
          const int64_t column = x * row.stride - row.pad + kx * row.dilation;
          const bool inside = column >= 0 && column < row.width && row.rows[ky] != row.outside;
          const uint8_t* codes =
              (inside ? row.rows[ky] + column * row.channels : row.outside) + channel;
          for (int64_t i = 0; i < count; ++i) sums[i] += int32_t{codes[i]} * weights[i];
        }
      }
      Finish(sums, row.scale + channel, count, row.first + x * row.channels + channel, e, places);
    }
  }
}

}  // namespace adze::integer::plain
