#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace adze {

// The whole file. kNotFound if it is not there, kBadFile if it cannot be read, is a directory or is
// larger than `most_bytes`.
std::string ReadFile(const std::filesystem::path& path, uint64_t most_bytes = uint64_t{1} << 33);

// Writes under a temporary name beside `path` and renames, so that a failed or killed run leaves
// the earlier file. Makes missing directories. kInvalidArgument with the system's reason (no
// permission, disk full).
void WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

struct FileContent {
  std::filesystem::path path;
  std::string_view bytes;
};
// The same for files that belong together: either all are replaced or, on an error, none.
void WriteFilesAtomically(const std::vector<FileContent>& files);

// Throws what WriteFileAtomically would throw, before any work is done: whether files can be
// created beside `path`.
void CheckWritable(const std::filesystem::path& path);

}  // namespace adze
