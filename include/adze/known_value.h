#pragma once

#include <optional>

#include "adze/graph.h"

namespace adze {

// The value, if it follows from constants alone through at most some dozens of nodes. A scalar
// PlaceholderWithDefault counts as its default: such placeholders are switches (is_training,
// keep_prob), whose default is the value for inference. For predicates, axes and the like.
std::optional<Tensor> KnownValue(Value value);

}  // namespace adze
