#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace adze {

// What a weight matrix [inputs, outputs] is rounded to: multiples of a scale per output.
struct WeightGrid {
  std::vector<float> scale;  // per output
  int num_bits = 8;
};

struct RoundOptions {
  double damping = 0.01;  // of the mean square of x, added to each
  int sweeps = 2;         // of coordinate descent behind the first rounding
  // E[xᵀ d], [inputs, outputs], of what outputs lack, d, because x is not what it was in float;
  // empty: nothing.
  std::span<const float> lacking = {};
};

// Rounds `weight` [inputs, outputs] in place so that E[(x (w - rounded))^2] is small, where
// `moments` is E[x xᵀ], [inputs, inputs]: AdaRound's objective for a layer (Nagel et al. 2020),
// solved by rounding input after input while the inputs to come make up for the error (Frantar et
// al. 2022, "GPTQ"), then by coordinate descent. A weight may move by more than one step. Where
// outputs lack something, it is E[(x (w - rounded) + d)^2]: weights are first moved to where that
// is least, the damping keeping them near their own.
void RoundWeights(std::span<const float> moments, const WeightGrid& grid,
                  const RoundOptions& options, int64_t inputs, std::span<float> weight);

}  // namespace adze
