#pragma once

#include "adze/op.h"

// QuantTraits::unfold of the layers that sum over a window.
namespace adze {

// Of a convolution with filter [H, W, ...]: taps in the order of the filter.
void UnfoldImage(const Node& node, const Tensor& data, std::span<const int64_t> positions,
                 std::span<float> out);

// Of a matrix product: one tap.
void UnfoldRows(const Node& node, const Tensor& data, std::span<const int64_t> positions,
                std::span<float> out);

}  // namespace adze
