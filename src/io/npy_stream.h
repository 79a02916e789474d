#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "adze/dataset.h"
#include "io/row_source.h"

namespace adze {

// Reads .npy arrays that follow each other: for every batch one for each of `inputs`, in their
// order, each with the batch's samples on its first axis. `read(out, count)` gives up to `count`
// bytes, 0 at the end. Stops after `limit` samples (0: at the end). The elements go to a temporary
// file. kBadFile with batch and input for what is no such stream; kUnsupported as for .npy files.
std::vector<std::unique_ptr<RowSource>> ReadNpyStream(
    const std::function<size_t(char*, size_t)>& read, const std::vector<InputSpec>& inputs,
    int64_t limit);

}  // namespace adze
