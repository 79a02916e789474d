#pragma once

#include "adze/graph_runner.h"

namespace adze {

// What runs graphs on the device; null for "cpu", where a Session does. kUnsupported if this
// program has nothing to run on others.
MakeGraphRunner RunnersOn(const std::string& device);

}  // namespace adze
