#include "engine/integer/plain.h"

namespace adze::integer {
namespace {

void RunTile(const Tile& tile, int rows, int vectors, const Epilogue& e, const Places& places) {
  const int width = vectors * kLanes;
  for (int r = 0; r < rows; ++r) {
    int32_t sums[kMostVectors * kLanes];
    std::copy_n(tile.start, width, sums);
    const int8_t* weights = tile.weights;
    for (int64_t tap = 0; tap < tile.taps; ++tap) {
      const uint8_t* codes = tile.sources[tap * tile.rows_apart + r];
      for (int64_t i = 0; i < tile.quads; ++i, codes += 4, weights += 4 * width) {
        for (int c = 0; c < width; ++c) {
          for (int k = 0; k < 4; ++k) sums[c] += int32_t{codes[k]} * weights[4 * c + k];
        }
      }
    }
    plain::Finish(sums, tile.scale, tile.columns, tile.first + r * tile.step, e, places);
  }
}

void RunDepthwise(const DepthwiseRow& row, const Epilogue& e, const Places& places) {
  plain::RunDepthwise(row, e, places);
}
void FinishMeans(const float* means, const float* scale, int64_t count, int64_t first,
                 const Epilogue& e, const Places& places) {
  plain::Finish(means, scale, count, first, e, places);
}
void Quantize(const float* values, int64_t count, const Epilogue& e, uint8_t* codes) {
  plain::Quantize(values, count, e, codes);
}
void Largest(const uint8_t* codes, int64_t count, uint8_t* out) {
  plain::Largest(codes, count, out);
}

}  // namespace

const Instructions kPlain = {"plain C++", "plain",  RunTile, RunDepthwise,
                             FinishMeans, Quantize, Largest};

}  // namespace adze::integer
