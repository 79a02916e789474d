#pragma once

namespace adze {

// Makes malloc give blocks of 1 MB and more back to the system when they are freed, for the whole
// process. The C library of GNU otherwise stops doing so after the first of them, and the heaps of
// threads that are gone keep the memory. Does nothing elsewhere.
void ReturnLargeBlocks();

}  // namespace adze
