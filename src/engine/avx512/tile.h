#pragma once

#include <cstdint>

namespace adze::avx512 {

// Results of a tile: kRows pixels by kColumns channels. 28 accumulators, two vectors of weights and
// a factor fill the 32 registers, and 14 divides the usual 7, 14, 28, 56 and 112 pixels a side.
constexpr int kRows = 14;
constexpr int kLanes = 16;
constexpr int kColumns = 2 * kLanes;
// Terms of its sums that are added in one pass, at most: their weights stay in the nearest cache
// from tile to tile.
constexpr int kTerms = 512;

// One pass over part of the terms of a tile's sums: taps of the filter, `depth` terms each.
struct TilePass {
  const float* const* sources;  // [taps][kRows]: where a tap of a pixel begins
  int64_t taps, depth;
  int64_t skip;          // floats, added to each source
  const float* weights;  // [taps][depth][16 for each vector of columns]
  float* result;
  int64_t result_stride;  // floats from pixel to pixel
  uint32_t columns;       // bit c: result column c is stored
  // The first pass starts from bias (16 for each vector of columns) and, if asked, what the result
  // holds; the others go on from the result.
  const float* bias;
  bool adds_result;
  // The last pass clamps.
  bool clamps;
  float low, high;
  // Weights that are needed next: lines of 64 bytes to fetch into the cache, a line a term.
  const char* next;
  int64_t next_lines;
};

bool IsAvailable();

// `rows` of 1..kRows pixels, `vectors` of 1 or 2 vectors of columns.
void RunTile(const TilePass& pass, int rows, int vectors);

}  // namespace adze::avx512
