#pragma once

#include <span>
#include <vector>

#include "adze/quant.h"
#include "quant/channel_layout.h"

namespace adze {

// What retraining learns of an activation: the ends of its range (ULQ, reference section 8.1).
struct ClipRange {
  float clip_min = 0, clip_max = 0;
};

struct ClipGradient {
  double clip_min = 0, clip_max = 0;
};

// ULQ's gradient of y = FakeQuantize(x) with the asymmetric factors `params` of `range`: `dx` of
// each x (dy between the ends, 0 beyond them), and the gradient of both ends. Each runs over blocks
// of fixed size, so the sums are the same for any number of threads.
ClipGradient UlqBackward(std::span<const float> x, std::span<const float> dy, ClipRange range,
                         const QuantParams& params, std::span<float> dx);

// FakeQuantize on all threads.
void FakeQuantizeParallel(std::span<const float> in, const QuantParams& params,
                          std::span<float> out);

// DequantizeWeight(QuantizeWeightArq(weight)), bit for bit, of a weight whose channels lie in
// memory as `layout` says. kInvalidArgument if a weight is NaN or Inf.
void FakeQuantizeWeightArq(std::span<const float> weight, const ChannelLayout& layout, int num_bits,
                           std::span<float> out);

}  // namespace adze
