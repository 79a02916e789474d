#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "adze/op.h"

namespace adze::integer {

// What becomes of the int32 sum of output channel c, in the order in which the simulation computes
// it, each step rounded to float32:
//   real  = clamp(sum * scale[c])
//   real  = clip(rint(real * own.scale)) * own.step          if it is quantized before the addition
//   real  = clamp(real + residual)                           the residual real, or
//   real  = clamp(real + (code - residual_zero) * residual_step)    as codes
//   code  = clip(rint(real * next_scale) + next_zero)
struct Epilogue {
  std::vector<float> scale;  // of every channel, and on to a multiple of 64 of them
  bool clamps_before = false, clamps_after = false;
  float before_high = 0, after_high = 0;  // the low ends are 0
  // The layer's own addend: integers less their zero point, from low to high.
  struct Own {
    float scale = 1, step = 1;  // 1 / scale_d, scale_d
    int32_t low = 0, high = 0;
    bool is_wide = true;  // whether real * scale may leave the range of int32
  };
  bool quantizes_own = false;
  Own own;
  bool has_residual = false, has_residual_codes = false;
  int32_t residual_zero = 0;
  float residual_step = 1;
  bool gives_real = false, gives_codes = false;
  float next_scale = 1;
  int32_t next_zero = 0, low = 0, high = 255;
  // Whether real * next_scale may leave the range of int32.
  bool is_wide = true;
};

// `largest`: of every channel, what no sum exceeds in magnitude.
Epilogue EpilogueOf(const Node& node, const Tensor& scale, std::span<const double> largest);

// Where it reads and writes; element i belongs to the same output element in all of them.
struct Places {
  const float* residual = nullptr;
  const uint8_t* residual_codes = nullptr;
  float* real = nullptr;
  uint8_t* codes = nullptr;
};

}  // namespace adze::integer
