#pragma once

#include <string>

#include "adze/tensor.h"

namespace adze {

// The part of a tensor that RestoreV2's text names: "10 4 0,5:-" is rows 0 to 4 of a [10, 4]
// tensor; "" is all of it. kBadFile if it does not fit the tensor.
Tensor RestoreSlice(const Tensor& whole, const std::string& slice);

}  // namespace adze
