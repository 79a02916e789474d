#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "adze/calibrate.h"
#include "adze/dataset.h"
#include "adze/graph.h"
#include "adze/record.h"

namespace adze {

struct TuneOptions {
  int64_t samples = 128;  // at most so many, the first of the data
  // Output positions of a layer to learn from, over all samples; four times as many in order, where
  // the weights move and so have more to learn.
  int64_t rows = 8192;
  // Each layer learns after those before it, from what they give it when they are quantized: it
  // makes up for what they lose, which takes a pass over the data for each layer. If not given:
  // where weights are rounded to fewer than 8 bits.
  std::optional<bool> in_order = {};
  double damping = 0.01;  // of the data's mean square, added to it: keeps weights near their own
  int num_threads = 0;    // 0: all cores
  // Moments of more layers than fit are gathered in further passes over the data.
  int64_t most_bytes = int64_t{256} << 20;
  // Called after each sample with those run and those to run in all passes.
  std::function<void(int64_t, int64_t)> progress = {};
};

// Adapts weights and biases of the planned layers to the scales in the record, as their configs say
// (WeightConfig::rounding, ::bias_correction), without labels:
//  - rounding "adaround" chooses, instead of the nearest integers, those with the least error of
//    the layer's output on its quantized data (src/tune/round_weights.h); with fewer than 8 bits
//    and a scale per channel the record's scales are fitted to those integers;
//  - bias correction adds to the bias what quantization of data and weight takes from the mean of
//    each output channel (Nagel et al. 2019, section 4.2; here the means are measured).
// Layers learn from `prepared`, the float graph that the plan is of, each on its own or in order.
// `rounded` is that graph or a copy with some weights on their centres; the result is a copy
// of it. Weights become multiples of their scales, so that rounding them to the nearest
// gives the chosen integers back. The result does not depend on the number of threads.
Graph TuneWeights(const Graph& prepared, const Graph& rounded, Record* record,
                  const std::vector<PlannedLayer>& plan, const Dataset& data,
                  const TuneOptions& options);
// Whether a layer of the plan asks for it.
bool WantsTuning(const std::vector<PlannedLayer>& plan);

}  // namespace adze
