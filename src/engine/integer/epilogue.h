#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "adze/op.h"

namespace adze::integer {

// What becomes of the int32 sum of output channel c, in the order in which the simulation computes
// it, each step rounded to float32:
//   real  = clamp(clamp(sum * scale[c]) + residual)
//   code  = clip(rint(real * next_scale) + next_zero)
struct Epilogue {
  std::vector<float> scale;  // of every channel, and on to a multiple of 64 of them
  bool clamps_before = false, clamps_after = false, has_residual = false;
  float before_high = 0, after_high = 0;  // the low ends are 0
  bool gives_real = false, gives_codes = false;
  float next_scale = 1;
  int32_t next_zero = 0, low = 0, high = 255;
  // Whether real * next_scale may leave the range of int32.
  bool is_wide = true;
};

// `largest`: of every channel, what no sum exceeds in magnitude.
Epilogue EpilogueOf(const Node& node, const Tensor& scale, std::span<const double> largest);

// Where it reads and writes; element i belongs to the same output element in all three.
struct Places {
  const float* residual = nullptr;
  float* real = nullptr;
  uint8_t* codes = nullptr;
};

}  // namespace adze::integer
