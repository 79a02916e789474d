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
  int refits = 0;         // of the scales to the integers, which are then found anew
};

// Rounds `weight` [inputs, outputs] in place so that E[(x (w - rounded))^2] is small, where
// `moments` is E[x xᵀ], [inputs, inputs]: AdaRound's objective for a layer (Nagel et al. 2020),
// solved by rounding input after input while the inputs to come make up for the error (Frantar et
// al. 2022, "GPTQ"), then by coordinate descent. A weight may move by more than one step.
// With refits the scales of `grid` become those that suit the integers best.
void RoundWeights(std::span<const float> moments, const RoundOptions& options, int64_t inputs,
                  std::span<float> weight, WeightGrid* grid);

}  // namespace adze
