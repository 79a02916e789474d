#include "decompose/picture_layout.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace adze {
namespace {

// Which rows of numbered columns are taken.
class Columns {
 public:
  bool IsFree(int64_t column, int64_t begin, int64_t end) const {
    if (column >= count()) return true;
    const auto after = taken_[column].lower_bound(begin);
    return after == taken_[column].end() || *after >= end;
  }
  void Take(int64_t column, int64_t begin, int64_t end) {
    if (column >= count()) taken_.resize(column + 1);
    for (int64_t row = begin; row < end; ++row) taken_[column].insert(row);
  }
  int64_t FirstFree(int64_t begin, int64_t end) const {
    int64_t column = 0;
    while (!IsFree(column, begin, end)) ++column;
    return column;
  }
  int64_t count() const { return static_cast<int64_t>(taken_.size()); }

 private:
  std::vector<std::set<int64_t>> taken_;
};

class Layout {
 public:
  Layout(const std::vector<std::vector<size_t>>& inputs, const std::vector<int64_t>& rows)
      : inputs_(inputs), remaining_(rows) {
    found_.blocks.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      PlacedBlock& block = found_.blocks[i];
      block.rows = rows[i];
      for (size_t input : inputs[i]) block.row = std::max(block.row, found_.blocks[input].end());
      found_.rows = std::max(found_.rows, block.end());
    }
    for (size_t i = inputs.size(); i-- > 0;) {
      for (size_t input : inputs[i]) {
        remaining_[input] = std::max(remaining_[input], rows[input] + remaining_[i]);
      }
    }
    std::vector<size_t> order(inputs.size());
    std::iota(order.begin(), order.end(), 0);
    // Of those in a row the one with the longest way to go comes first.
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const int64_t row = found_.blocks[a].row, other = found_.blocks[b].row;
      return row != other ? row < other : remaining_[a] > remaining_[b];
    });
    for (size_t i : order) Place(i);
    gutters_.resize(lanes_.count());
    for (const Columns& gutter : gutters_) found_.tracks.push_back(gutter.count());
  }

  PictureLayout Take() { return std::move(found_); }

 private:
  void Place(size_t i) {
    PlacedBlock& block = found_.blocks[i];
    std::vector<size_t> inputs = inputs_[i];
    // Those that end last first: they are the main branch.
    std::stable_sort(inputs.begin(), inputs.end(), [&](size_t a, size_t b) {
      return found_.blocks[a].end() > found_.blocks[b].end();
    });
    block.lane = -1;
    for (size_t input : inputs) {
      const PlacedBlock& before = found_.blocks[input];
      if (lanes_.IsFree(before.lane, before.end(), block.end())) {
        block.lane = before.lane;
        break;
      }
    }
    if (block.lane < 0) block.lane = lanes_.FirstFree(block.row, block.end());
    lanes_.Take(block.lane, block.row, block.end());
    for (size_t input : inputs) Connect(input, i);
  }

  void Connect(size_t from, size_t to) {
    const PlacedBlock &a = found_.blocks[from], &b = found_.blocks[to];
    PlacedEdge edge{.from = from, .to = to};
    for (int64_t lane : {a.lane, b.lane}) {
      if (!lanes_.IsFree(lane, a.end(), b.row)) continue;
      lanes_.Take(lane, a.end(), b.row);
      edge.lane = lane;
      found_.edges.push_back(edge);
      return;
    }
    edge.lane = std::min(a.lane, b.lane);
    if (static_cast<int64_t>(gutters_.size()) <= edge.lane) gutters_.resize(edge.lane + 1);
    Columns& gutter = gutters_[edge.lane];
    edge.track = gutter.FirstFree(a.end(), b.row);
    gutter.Take(edge.track, a.end(), b.row);
    found_.edges.push_back(edge);
  }

  const std::vector<std::vector<size_t>>& inputs_;
  std::vector<int64_t> remaining_;  // rows from the top of a block to the last one behind it
  Columns lanes_;
  std::vector<Columns> gutters_;  // right of each lane
  PictureLayout found_;
};

}  // namespace

PictureLayout LayOut(const std::vector<std::vector<size_t>>& inputs,
                     const std::vector<int64_t>& rows) {
  return Layout(inputs, rows).Take();
}

}  // namespace adze
