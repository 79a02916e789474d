#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace adze {

// One thing that can be done to a layer: what it then costs, and which share of its output's power
// is lost.
struct LayerChoice {
  int64_t cost = 0;
  double lost = 0;
};

// Those on the lower convex hull of cost and penalty, the dearest first.
std::vector<size_t> LowerHull(const std::vector<LayerChoice>& choices);

// For each layer the number of one of its choices, such that all costs together are at most
// the share `budget` of the cost of their first choices, which lose nothing, and little is lost:
// the sum of -ln(1 - lost) is least among the choices on the lower convex hulls (a multiple-choice
// knapsack, by steps of the best ratio). kInvalidArgument says the least possible share if it is
// above the budget; `unit` names it.
std::vector<size_t> ChooseWithin(const std::vector<std::vector<LayerChoice>>& layers, double budget,
                                 const char* unit);

}  // namespace adze
