#pragma once

namespace adze {

// The registry that the build generates from the file names of a folder (cmake/adze_layer.cmake):
// `Builtin<OpRegistry>()` holds src/ops, `Builtin<PassRegistry>()` src/passes, and so on.
template <typename Registry>
const Registry& Builtin();

}  // namespace adze
