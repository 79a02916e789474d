#pragma once

#include <vector>

#include "adze/calibrate.h"

namespace adze {

// Which of some factors suits the layers that read one tensor best.
struct OutputQuestion {
  std::vector<const PlannedLayer*> layers;
  std::vector<QuantParams> candidates;
};

// Of each question's candidates the error of its layers' outputs when only their data is quantized,
// Q(x), in parts of the outputs' own mean square, over positions of the first samples of the data:
//   sum over layers of E[((x - Q(x)) w)^2] / E[(x w)^2]
// less, where bias correction takes it up, the square of the mean that each output channel loses.
// Empty for a question none of whose layers' outputs are sums over windows (AvgPool, NCHW). Memory
// does not grow with the data, and the result depends neither on threads nor on batches.
std::vector<std::vector<double>> OutputErrors(const std::vector<OutputQuestion>& questions,
                                              const OutputData& outputs);

}  // namespace adze
