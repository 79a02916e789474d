#pragma once

#include <cstdint>

#include "engine/integer/epilogue.h"

namespace adze::integer {

constexpr int kLanes = 16;  // output channels in a vector
constexpr int kMostVectors = 4;
constexpr int kMostRows = 14;

// Results of a tile: up to kMostRows pixels by up to four vectors of channels. The more vectors,
// the fewer rows fit the registers.
constexpr int RowsFor(int vectors) { return vectors <= 2 ? 14 : vectors == 3 ? 8 : 6; }

struct Tile {
  const uint8_t* const* sources;  // [taps][rows_apart]: where a tap of a pixel begins
  int64_t rows_apart;
  int64_t taps, quads;    // quads: four codes each, of every tap
  const int8_t* weights;  // [taps][quads][vectors * kLanes][4]
  const int32_t* start;   // [vectors * kLanes]: what sums begin with
  const float* scale;     // [vectors * kLanes]
  int64_t columns;        // channels that exist
  int64_t first, step;    // first element of the result; elements from pixel to pixel
  // Weights that are needed next: lines of 64 bytes to fetch into the cache.
  const char* next;
  int64_t next_lines;
};

using TileFunction = void (*)(const Tile&, int rows, int vectors, const Epilogue&, const Places&);

}  // namespace adze::integer
