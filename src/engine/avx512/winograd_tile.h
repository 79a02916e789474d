#pragma once

#include <cstdint>

#include "engine/avx512/tile.h"

namespace adze::avx512 {

// A tile has kSide by kSide results, which read a patch of kPatch by kPatch pixels. It is computed
// at as many points.
constexpr int kSide = 2, kPatch = 4, kPoints = kPatch * kPatch;

// Bᵀ d B of each channel (a multiple of kLanes) of a patch's pixels; points `stride` floats apart.
void PatchToPoints(const float* const* pixels, int64_t channels, float* out, int64_t stride);

// What becomes of the sums at a tile's points.
struct PointSums {
  const float* at = nullptr;  // `vectors` of kLanes outputs
  int64_t stride = 0;         // floats from point to point
  int vectors = 0;
  const float* bias = nullptr;
  bool adds_result = false;
  bool clamps = false;
  float low = 0, high = 0;
};

// Aᵀ m A, bias, what the result holds if asked, clamped if asked. `pixels` are the tile's results
// row by row; null: outside the image.
void PointsToResults(const PointSums& sums, float* const* pixels);

}  // namespace adze::avx512
