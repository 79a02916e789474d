#include "io/matching_files.h"

#include <glob.h>

#include "adze/error.h"

namespace adze {

std::vector<std::filesystem::path> MatchingFiles(const std::filesystem::path& pattern) {
  // A file may be called [x].npy.
  if (std::filesystem::exists(pattern)) return {pattern};
  glob_t found = {};
  std::vector<std::filesystem::path> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  Require(!files.empty(), ErrorCode::kNotFound, "file '", pattern.string(),
          "': there is no such file");
  return files;
}

}  // namespace adze
