#include "decompose/choose_ranks.h"

#include <gtest/gtest.h>

#include "adze/error.h"

namespace adze {
namespace {

// Against every combination, where all choices are on the hull.
TEST(ChooseWithin, LosesAsLittleAsTheBestCombinationThatCostsAsMuch) {
  const std::vector<std::vector<LayerChoice>> layers = {
      {{100, 0}, {60, 0.02}, {40, 0.08}, {30, 0.2}},
      {{80, 0}, {50, 0.01}, {30, 0.05}, {10, 0.3}},
      {{50, 0}, {20, 0.3}, {10, 0.6}}};
  for (int64_t budget : {230, 190, 160, 120, 90}) {
    const std::vector<size_t> chosen = ChooseWithin(layers, (budget + 0.5) / 230, "weights");
    int64_t cost = 0;
    double kept = 1;
    for (size_t l = 0; l < layers.size(); ++l) {
      cost += layers[l][chosen[l]].cost;
      kept *= 1 - layers[l][chosen[l]].lost;
    }
    EXPECT_LE(cost, budget);
    double best = 0;
    for (const LayerChoice& a : layers[0]) {
      for (const LayerChoice& b : layers[1]) {
        for (const LayerChoice& c : layers[2]) {
          if (a.cost + b.cost + c.cost > cost) continue;
          best = std::max(best, (1 - a.lost) * (1 - b.lost) * (1 - c.lost));
        }
      }
    }
    EXPECT_NEAR(kept, best, 1e-12) << budget;
  }
}

TEST(ChooseWithin, DearerAndWorseChoicesAreLeftOut) {
  EXPECT_EQ(ChooseWithin({{{100, 0}, {90, 0.5}, {50, 0.1}}}, 0.95, "weights").at(0), 2u);
}

TEST(ChooseWithin, LeastPossibleIsSaid) {
  try {
    ChooseWithin({{{100, 0}, {40, 0.1}}, {{100, 0}, {30, 0.1}}}, 0.3, "weights");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the budget of 0.3 of the weights cannot be met; the least possible is 0.35");
  }
}

}  // namespace
}  // namespace adze
