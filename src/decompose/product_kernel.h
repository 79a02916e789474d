#pragma once

#include "decompose/factors.h"

namespace adze {

// The kernel that the factors together stand for, [height, width, inputs, outputs].
std::vector<float> ProductKernel(const std::vector<Factor>& factors);

// |X (W - W')| / |X W|, X being rows with the second moments [K, K]; without moments |W - W'| /
// |W|. W and W' are [K, outputs].
double RelativeLoss(std::span<const float> weight, std::span<const float> product, int64_t outputs,
                    std::span<const float> moments);

}  // namespace adze
