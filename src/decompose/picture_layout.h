#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace adze {

// Where boxes of a directed graph stand, in rows from top to bottom and lanes from left to right,
// and how lines run between them. Main branches (the longest) stand in lane 0.
struct PlacedBlock {
  int64_t row = 0, rows = 1, lane = 0;
  int64_t end() const { return row + rows; }
};
struct PlacedEdge {
  size_t from = 0, to = 0;
  // It runs down in this lane, or, if `track` is not -1, in that track of the gutter right of it.
  int64_t lane = 0, track = -1;
};
struct PictureLayout {
  std::vector<PlacedBlock> blocks;
  std::vector<PlacedEdge> edges;
  int64_t rows = 0;
  std::vector<int64_t> tracks;  // in the gutter right of each lane
};

// `inputs` of each block are numbers of earlier ones; `rows` says how high each is.
PictureLayout LayOut(const std::vector<std::vector<size_t>>& inputs,
                     const std::vector<int64_t>& rows);

}  // namespace adze
