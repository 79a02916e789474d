#include "ops/support/permute.h"

#include <algorithm>

namespace adze {

int MovedAxis(std::span<const int> axes, int64_t axis) {
  const int from = NormalizeAxis(axis, static_cast<int>(axes.size()));
  return static_cast<int>(std::find(axes.begin(), axes.end(), from) - axes.begin());
}

std::optional<std::vector<int64_t>> ConstInts(const Node& node, int input) {
  const Node& operand = *node.input(input).node;
  if (!operand.IsConst()) return std::nullopt;
  return ToInt64s(operand.const_value());
}

void SetConstInts(Graph& graph, Node& node, int input, const std::vector<int64_t>& values) {
  const Tensor& was = node.input(input).node->const_value();
  graph.SetConstInput(node, input, Cast(Tensor::From<int64_t>(was.shape(), values), was.dtype()));
}

std::optional<std::vector<int64_t>> MovedGoneAxes(std::span<const int> axes,
                                                  const std::vector<int64_t>& gone) {
  std::vector<int64_t> moved;
  for (int64_t axis : gone) moved.push_back(MovedAxis(axes, axis));
  int last = -1;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (std::find(moved.begin(), moved.end(), static_cast<int64_t>(i)) != moved.end()) continue;
    if (axes[i] < last) return std::nullopt;
    last = axes[i];
  }
  return moved;
}

}  // namespace adze
