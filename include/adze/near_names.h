#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace adze {

// " (did you mean 'a', 'b'?)" with up to three of `candidates` that are spelled like `name` or end
// with "/name"; "" if none is. For messages about a name that does not exist.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

// The same for a path that does not exist, of what its folder holds: files, folders and prefixes of
// checkpoints.
std::string DidYouMeanFile(const std::filesystem::path& path);

}  // namespace adze
