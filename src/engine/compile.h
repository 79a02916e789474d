#pragma once

#include <memory>
#include <span>

#include "engine/flow.h"
#include "engine/program.h"

namespace adze {

// Turns the flow into steps whose values share one arena.
std::unique_ptr<Program> Compile(const Flow& flow, std::span<const Value> fetches,
                                 PreparedConstants& prepared);

}  // namespace adze
