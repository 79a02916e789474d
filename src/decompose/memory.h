#pragma once

#include <cstdint>
#include <string>

namespace adze {

// Bytes that may still be taken: the machine's, or what `ulimit -v` leaves of it.
int64_t AvailableMemory();

// kInvalidArgument says that `what` needs so much where there is less.
void RequireMemory(int64_t bytes, int64_t available, const std::string& what);

}  // namespace adze
