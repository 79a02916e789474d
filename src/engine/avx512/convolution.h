#pragma once

#include <memory>

#include "adze/window.h"
#include "engine/kernel.h"

namespace adze::avx512 {

// A convolution of NHWC images with a constant filter [H, W, I, O], not grouped; null where it
// would not be faster than oneDNN's or cannot be done. Small images and single columns of a filter:
// there the time goes into bringing in weights, which this one does ahead of their use.
std::unique_ptr<Kernel> MakeConvolution(const KernelRequest& request, const Window& window);

}  // namespace adze::avx512
