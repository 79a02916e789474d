#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "adze/error.h"
#include "io/row_file.h"
#include "io/unlinked_file.h"

namespace adze {

SpoolFile::SpoolFile(std::filesystem::path called) : called_(std::move(called)) {
  fd_ = MakeUnlinkedFile();
  Require(fd_ >= 0, ErrorCode::kInvalidArgument, "a temporary file in '",
          std::filesystem::temp_directory_path().string(),
          "' cannot be made: ", std::strerror(errno), "; set TMPDIR to a folder with room");
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
