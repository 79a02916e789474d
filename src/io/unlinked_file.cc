#include "io/unlinked_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace adze {

int MakeUnlinkedFile() {
  std::string name = (std::filesystem::temp_directory_path() / "adze-XXXXXX").string();
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd >= 0) unlink(name.c_str());
  return fd;
}

}  // namespace adze
