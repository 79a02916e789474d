#pragma once

namespace adze {

// A new file for reading and writing in the folder for temporary files that no name leads to, so
// that it goes with its descriptor. -1 with errno set if it cannot be made.
int MakeUnlinkedFile();

}  // namespace adze
