#pragma once

#include <cstddef>

namespace adze {

// Bytes of the heap in use, counted in malloc and its kin of the whole program. Starts a new peak.
size_t ResetHeapPeak();
// The most since then. 0 under a sanitizer, which has an allocator of its own.
size_t HeapPeak();

}  // namespace adze
