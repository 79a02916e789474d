#pragma once

#include <memory>

#include "adze/window.h"
#include "engine/kernel.h"

namespace adze::avx512 {

// A convolution with a constant 3 x 3 filter and stride 1 by Winograd's F(2 x 2, 3 x 3) (Lavin and
// Gray 2016): 16 products instead of 36 for four results. Null where it does not apply or would not
// be faster: small images, whose filters, 16 / 9 as large, take long to fetch. Also where the
// filter holds integers only, as simulated quantization has it: then plain sums are exact, these
// are not. What is not finite makes the other results of its tile NaN.
std::unique_ptr<Kernel> MakeWinograd(const KernelRequest& request, const Window& window);

}  // namespace adze::avx512
