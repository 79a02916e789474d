#pragma once

#include <cstdint>

#include "engine/integer/epilogue.h"

namespace adze::integer {

// Output pixels of one row of a depthwise convolution, or of two (only with stride 1), one output
// channel for each input channel.
struct DepthwiseRow {
  // Rows of the image under the kernel: [kernel_height + out_rows - 1]; a row outside of it is
  // `outside`.
  const uint8_t* const* rows;
  const uint8_t* outside;  // [channels] codes of zero
  int64_t kernel_height, kernel_width, dilation, stride, pad, width, out_width, channels;
  const int8_t* weights;  // [height][width][channels]
  const int32_t* start;   // [channels], on to a multiple of 64
  const float* scale;     // likewise
  // Of every 64 channels [height / 4][width][4][16 channels][4 rows], zeros where there is none:
  // vector v of the four has channels 16 l + 4 v + 0..3, l = 0..3. Start and scale in that order.
  const int8_t* packed;
  const int32_t* packed_start;
  const float* packed_scale;
  int64_t first;     // element of the result; a second row lies behind the first one
  int64_t out_rows;  // 1 or 2; the second one has the rows [1, kernel_height + 1) under it
  uint8_t* scratch;  // scratch_bytes(), aligned to 64

  int64_t quads() const { return (kernel_height + 3) / 4; }
  // Columns of the padded image that the row needs.
  int64_t columns() const { return (out_width - 1) * stride + (kernel_width - 1) * dilation + 1; }
  int64_t scratch_bytes() const { return columns() * quads() * 256; }
};

using DepthwiseFunction = void (*)(const DepthwiseRow&, const Epilogue&, const Places&);

}  // namespace adze::integer
