#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "adze/error.h"
#include "io/row_file.h"

namespace adze {

SpoolFile::SpoolFile(std::filesystem::path called) : called_(std::move(called)) {
  std::string name = (std::filesystem::temp_directory_path() / "adze-XXXXXX").string();
  fd_ = mkostemp(name.data(), O_CLOEXEC);
  Require(fd_ >= 0, ErrorCode::kInvalidArgument, "a temporary file '", name,
          "' cannot be made: ", std::strerror(errno), "; set TMPDIR to a folder with room");
  unlink(name.c_str());
}

SpoolFile::~SpoolFile() {
  if (fd_ >= 0) close(fd_);
}

void SpoolFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    Require(put > 0, ErrorCode::kInvalidArgument, "does not fit the folder '",
            std::filesystem::temp_directory_path().string(), "' after ", size_,
            " bytes: ", std::strerror(errno), "; set TMPDIR to a folder with room");
    bytes.remove_prefix(put);
    size_ += put;
  }
}

std::unique_ptr<RowFile> SpoolFile::Finish() {
  return std::make_unique<RowFile>(called_, std::exchange(fd_, -1), size_);
}

}  // namespace adze
