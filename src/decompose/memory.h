#pragma once

#include <cstdint>

namespace adze {

// Bytes that may still be taken on this machine.
int64_t AvailableMemory();

// kInvalidArgument says how much is needed where there is less.
void RequireMemory(int64_t bytes, int64_t available);

}  // namespace adze
