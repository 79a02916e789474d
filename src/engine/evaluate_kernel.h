#pragma once

#include "engine/kernel.h"

namespace adze {

// Runs a node by its op's `evaluate`: plain, for ops without a kernel of their own.
std::unique_ptr<Kernel> MakeEvaluateKernel(const KernelRequest& request);

}  // namespace adze
