#include "decompose/choose_ranks.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>

#include "adze/error.h"

namespace adze {
namespace {

double PenaltyOf(double lost) { return -std::log(std::max(1 - lost, 1e-9)); }

}  // namespace

std::vector<size_t> LowerHull(const std::vector<LayerChoice>& choices) {
  std::vector<size_t> order(choices.size()), hull;
  std::iota(order.begin(), order.end(), 0);
  const auto penalty = [&](size_t i) { return PenaltyOf(choices[i].lost); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return choices[a].cost != choices[b].cost ? choices[a].cost < choices[b].cost
                                              : penalty(a) < penalty(b);
  });
  for (size_t next : order) {
    if (!hull.empty() && penalty(next) >= penalty(hull.back())) continue;  // dearer and no better
    const auto slope = [&](size_t a, size_t b) {
      return (penalty(a) - penalty(b)) / static_cast<double>(choices[b].cost - choices[a].cost);
    };
    while (hull.size() >= 2 &&
           slope(hull[hull.size() - 2], hull.back()) <= slope(hull.back(), next)) {
      hull.pop_back();
    }
    hull.push_back(next);
  }
  std::reverse(hull.begin(), hull.end());
  return hull;
}

std::vector<size_t> ChooseWithin(const std::vector<std::vector<LayerChoice>>& layers, double share,
                                 const char* unit) {
  struct Step {
    double ratio;
    size_t layer;
    bool operator<(const Step& other) const {
      return ratio != other.ratio ? ratio > other.ratio : layer > other.layer;
    }
  };
  std::vector<std::vector<size_t>> hulls;
  std::vector<size_t> at(layers.size());
  std::priority_queue<Step> steps;
  int64_t cost = 0, least = 0, all = 0;
  const auto push = [&](size_t l) {
    if (at[l] + 1 >= hulls[l].size()) return;
    const LayerChoice& now = layers[l][hulls[l][at[l]]];
    const LayerChoice& next = layers[l][hulls[l][at[l] + 1]];
    steps.push(
        {(PenaltyOf(next.lost) - PenaltyOf(now.lost)) / static_cast<double>(now.cost - next.cost),
         l});
  };
  for (size_t l = 0; l < layers.size(); ++l) {
    hulls.push_back(LowerHull(layers[l]));
    cost += layers[l][hulls[l].front()].cost;
    least += layers[l][hulls[l].back()].cost;
    all += layers[l][0].cost;
    push(l);
  }
  const auto budget = static_cast<int64_t>(share * static_cast<double>(all));
  Require(least <= budget, ErrorCode::kInvalidArgument, "the budget of ", share, " of the ", unit,
          " cannot be met; the least possible is ",
          static_cast<double>(least) / static_cast<double>(std::max<int64_t>(all, 1)));
  while (cost > budget) {
    const size_t l = steps.top().layer;
    steps.pop();
    cost -= layers[l][hulls[l][at[l]]].cost;
    cost += layers[l][hulls[l][++at[l]]].cost;
    push(l);
  }
  std::vector<size_t> chosen;
  for (size_t l = 0; l < layers.size(); ++l) chosen.push_back(hulls[l][at[l]]);
  return chosen;
}

}  // namespace adze
