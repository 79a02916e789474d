#pragma once

#include "adze/api.h"

namespace adze {

// The graph of a model's file or folder with constants for variables and without function calls;
// outputs are set, and what they do not need is gone.
Graph ReadModel(const ModelSource& source);

}  // namespace adze
