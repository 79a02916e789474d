#pragma once

#include <optional>
#include <vector>

#include "adze/op.h"

// What OpDef::permute_axes of several ops shares.
namespace adze {

// The integers of a constant operand; nullopt if it is not constant.
std::optional<std::vector<int64_t>> ConstInts(const Node& node, int input);

// Replaces the constant integers of an operand, keeping its type and shape.
void SetConstInts(Graph& graph, Node& node, int input, const std::vector<int64_t>& values);

// OpDef::permute_axes of an op whose operand `input` is [rank, 2], before and after each axis.
template <int kInput>
bool PermutePaddings(Graph& graph, Node& node, std::span<const int> axes) {
  const auto paddings = ConstInts(node, kInput);
  if (!paddings || paddings->size() != 2 * axes.size()) return false;
  std::vector<int64_t> moved;
  for (int axis : axes) {
    moved.push_back((*paddings)[2 * axis]);
    moved.push_back((*paddings)[2 * axis + 1]);
  }
  SetConstInts(graph, node, kInput, moved);
  return true;
}

// The places of axes that go out of a shape; nullopt if the axes that stay would change their
// order.
std::optional<std::vector<int64_t>> MovedGoneAxes(std::span<const int> axes,
                                                  const std::vector<int64_t>& gone);

}  // namespace adze
