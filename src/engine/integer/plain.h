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

// A store of codes might change the epilogue, as far as the compiler knows: what loops need is in
// variables of their own, so that they are vectorized.
ADZE_INLINE void CodesOf(const float* reals, int64_t count, const Epilogue& e, uint8_t* codes) {
  const float scale = e.next_scale;
  const int32_t zero = e.next_zero, low = e.low, high = e.high;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t code = Rounded(reals[i] * scale) + zero;
    codes[i] = static_cast<uint8_t>(std::min(std::max(code, low), high));
  }
}

// The steps of up to 64 sums, one after the other.
template <typename Sum>
ADZE_INLINE void FinishBlock(const Sum* sums, const float* scale, int64_t count, int64_t first,
                             const Epilogue& e, const Places& places) {
  float reals[64];
  for (int64_t i = 0; i < count; ++i) reals[i] = static_cast<float>(sums[i]) * scale[i];
  if (e.clamps_before) {
    const float high = e.before_high;
    for (int64_t i = 0; i < count; ++i) reals[i] = Clamp(reals[i], high);
  }
  if (e.quantizes_own) {
    const Epilogue::Own own = e.own;
    for (int64_t i = 0; i < count; ++i) {
      const int32_t integer = Rounded(reals[i] * own.scale);
      reals[i] = static_cast<float>(std::min(std::max(integer, own.low), own.high)) * own.step;
    }
  }
  if (e.has_residual) {
    const float* residual = places.residual + first;
    for (int64_t i = 0; i < count; ++i) reals[i] += residual[i];
  }
  if (e.has_residual_codes) {
    const uint8_t* residual = places.residual_codes + first;
    const int32_t zero = e.residual_zero;
    const float step = e.residual_step;
    for (int64_t i = 0; i < count; ++i) {
      reals[i] += static_cast<float>(int32_t{residual[i]} - zero) * step;
    }
  }
  if (e.clamps_after) {
    const float high = e.after_high;
    for (int64_t i = 0; i < count; ++i) reals[i] = Clamp(reals[i], high);
  }
  if (e.gives_real) std::copy_n(reals, count, places.real + first);
  if (e.gives_codes) CodesOf(reals, count, e, places.codes + first);
}

template <typename Sum>
ADZE_INLINE void Finish(const Sum* sums, const float* scale, int64_t count, int64_t first,
                        const Epilogue& e, const Places& places) {
  for (int64_t i = 0; i < count; i += 64) {
    FinishBlock(sums + i, scale + i, std::min<int64_t>(count - i, 64), first + i, e, places);
  }
}

ADZE_INLINE void Quantize(const float* values, int64_t count, const Epilogue& e, uint8_t* codes) {
  CodesOf(values, count, e, codes);
}

ADZE_INLINE void Largest(const uint8_t* codes, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = std::max(out[i], codes[i]);
}

ADZE_INLINE void RunDepthwise(const DepthwiseRow& row, const Epilogue& e, const Places& places) {
  constexpr int64_t kBlock = 64;
  int32_t sums[kBlock];
  for (int64_t pixel = 0; pixel < row.out_rows * row.out_width; ++pixel) {
    const int64_t x = pixel % row.out_width;
    const uint8_t* const* rows = row.rows + pixel / row.out_width;
    for (int64_t channel = 0; channel < row.channels; channel += kBlock) {
      const int64_t count = std::min(kBlock, row.channels - channel);
      std::copy_n(row.start + channel, count, sums);
      const int8_t* weights = row.weights + channel;
      for (int64_t ky = 0; ky < row.kernel_height; ++ky) {
        for (int64_t kx = 0; kx < row.kernel_width; ++kx, weights += row.channels) {
          const int64_t column = x * row.stride - row.pad + kx * row.dilation;
          const bool inside = column >= 0 && column < row.width && rows[ky] != row.outside;
          const uint8_t* codes =
              (inside ? rows[ky] + column * row.channels : row.outside) + channel;
          // A product of a code and a weight fits 16 bits, which multiply faster than 32.
          for (int64_t i = 0; i < count; ++i) {
            sums[i] += static_cast<int16_t>(int16_t{codes[i]} * int16_t{weights[i]});
          }
        }
      }
      Finish(sums, row.scale + channel, count, row.first + pixel * row.channels + channel, e,
             places);
    }
  }
}

}  // namespace adze::integer::plain
