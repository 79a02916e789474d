#pragma once

#include <span>
#include <vector>

#include "decompose/factors.h"

namespace adze {

// Scales each channel between two kernels, and the kernel behind it by the reciprocal, so that the
// largest weight of the channel is the same on both sides (cross-layer equalization, Nagel et al.
// 2019). What the kernels stand for stays. Beyond that neither side gets a scale of its own:
// quantized per output channel, the first kernel loses nothing by it, and channels that hardly
// count no longer share the second one's range with those that do.
void BalanceFactors(std::vector<Factor>* factors);

// RelativeLoss of the factors' product after all kernels have been quantized to 8 bits, symmetric,
// with a scale per output channel. Without factors that of the weight itself, quantized.
double RelativeInt8Loss(std::span<const float> weight, const std::vector<Factor>& factors,
                        int64_t outputs, std::span<const float> moments);

}  // namespace adze
