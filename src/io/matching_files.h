#pragma once

#include <filesystem>
#include <vector>

namespace adze {

// The files that a path or a pattern (`train-*.tfrecord`) names, sorted. kNotFound if it names
// none.
std::vector<std::filesystem::path> MatchingFiles(const std::filesystem::path& pattern);

}  // namespace adze
