#include "io/row_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "adze/error.h"

namespace adze {

RowFile::RowFile(std::filesystem::path path) : path_(std::move(path)) {
  ErrorScope scope("file", path_.string());
  fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  Require(fd_ >= 0, errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kBadFile,
          "cannot be opened: ", std::strerror(errno));
  struct stat info;
  const bool regular = fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
  if (!regular) close(fd_);
  Require(regular, ErrorCode::kBadFile, "is not a regular file");
  size_ = static_cast<uint64_t>(info.st_size);
}

RowFile::RowFile(std::filesystem::path path, int descriptor, uint64_t size)
    : path_(std::move(path)), fd_(descriptor), size_(size) {}

RowFile::~RowFile() { close(fd_); }

void RowFile::Read(uint64_t offset, uint64_t count, void* out) const {
  char* to = static_cast<char*>(out);
  while (count > 0) {
    const ssize_t got = pread(fd_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    ErrorScope scope("file", path_.string());
    Require(got > 0, ErrorCode::kBadFile,
            "cannot be read: ", got < 0 ? std::strerror(errno) : "it has become shorter");
    to += got;
    offset += got;
    count -= got;
  }
}

}  // namespace adze
