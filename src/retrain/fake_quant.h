#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "adze/quant.h"

namespace adze {

// Differentiable fake-quantization, each one fused function (reference section 8). The forward
// results are those of src/quant to the bit.

// ULQ: y = FakeQuantize(x) with the asymmetric factors of [clip_min, clip_max], both tensors of one
// element, which get gradients too. What the ends have to satisfy is seen to by whoever owns them.
at::Tensor UlqFakeQuant(const at::Tensor& x, const at::Tensor& clip_min, const at::Tensor& clip_max,
                        int num_bits);

// ARQ: the weight on the symmetric scales of its own range, per channel over `channel_axes` (empty:
// per tensor). The gradient passes unchanged.
at::Tensor ArqFakeQuant(const at::Tensor& weight, const std::vector<int>& channel_axes,
                        int num_bits);

}  // namespace adze
