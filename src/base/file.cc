#include "adze/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "adze/error.h"
#include "adze/near_names.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

[[noreturn]] void ThrowErrno(ErrorCode code, const std::string& what) {
  throw Error(code, what + ": " + std::strerror(errno));
}

fs::path TemporaryName(const fs::path& path) {
  return path.string() + ".partial-" + std::to_string(getpid());
}

void MakeFolder(const fs::path& path) {
  const fs::path folder = path.parent_path();
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  Require(!error, ErrorCode::kInvalidArgument, "cannot make folder '", folder.string(),
          "': ", error.message());
}

void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      ThrowErrno(ErrorCode::kInvalidArgument, "cannot be written");
    }
    bytes.remove_prefix(written);
  }
}

void WriteTemporary(const fs::path& path, std::string_view bytes) {
  const Descriptor file{open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (file.fd < 0) ThrowErrno(ErrorCode::kInvalidArgument, "cannot be written");
  WriteAll(file.fd, bytes);
  if (fsync(file.fd) != 0 && errno != EINVAL && errno != EROFS) {
    ThrowErrno(ErrorCode::kInvalidArgument, "cannot be written");
  }
}

// Memory not yet touched then comes in few large pages, which takes less time than in many small
// ones.
void AskForHugePages(char* memory, size_t bytes) {
  constexpr uintptr_t kPage = 4096;
  const auto begin = (reinterpret_cast<uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const auto end = (reinterpret_cast<uintptr_t>(memory) + bytes) / kPage * kPage;
  if (end > begin + (size_t{2} << 20)) {
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // a wish only
  }
}

}  // namespace

std::string ReadFile(const fs::path& path, uint64_t most_bytes) {
  ErrorScope scope("file", path.string());
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) {
    const int reason = errno;
    const bool absent = reason == ENOENT;
    throw Error(absent ? ErrorCode::kNotFound : ErrorCode::kBadFile,
                "cannot be opened: " + std::string(std::strerror(reason)) +
                    (absent ? DidYouMeanFile(path) : ""));
  }
  struct stat info;
  if (fstat(file.fd, &info) != 0) ThrowErrno(ErrorCode::kBadFile, "cannot be read");
  Require(!S_ISDIR(info.st_mode), ErrorCode::kBadFile, "is a directory, a file is needed");
  const auto size = static_cast<uint64_t>(info.st_size);
  Require(size <= most_bytes, ErrorCode::kBadFile, "has ", size, " bytes, more than the ",
          most_bytes, " allowed");
  std::string bytes;
  bytes.reserve(size);
  AskForHugePages(bytes.data(), size);
  bytes.resize(size);
  size_t have = 0;
  // A pipe has size 0 and is read until it ends.
  for (;;) {
    if (have == bytes.size()) {
      if (S_ISREG(info.st_mode)) break;
      Require(have < most_bytes, ErrorCode::kBadFile, "is longer than ", most_bytes, " bytes");
      bytes.resize(have + 65536);
    }
    const ssize_t got = read(file.fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) ThrowErrno(ErrorCode::kBadFile, "cannot be read");
    if (got == 0) break;
    have += got;
  }
  bytes.resize(have);
  return bytes;
}

void WriteFilesAtomically(const std::vector<FileContent>& files) {
  // All bytes reach the disk before the first earlier file is replaced.
  std::vector<fs::path> temporaries;
  try {
    for (const FileContent& file : files) {
      ErrorScope scope("file", file.path.string());
      MakeFolder(file.path);
      temporaries.push_back(TemporaryName(file.path));
      WriteTemporary(temporaries.back(), file.bytes);
    }
    for (size_t i = 0; i < files.size(); ++i) {
      ErrorScope scope("file", files[i].path.string());
      std::error_code error;
      fs::rename(temporaries[i], files[i].path, error);
      Require(!error, ErrorCode::kInvalidArgument, "cannot be written: ", error.message());
    }
  } catch (...) {
    for (const fs::path& temporary : temporaries) unlink(temporary.c_str());
    throw;
  }
}

void WriteFileAtomically(const fs::path& path, std::string_view bytes) {
  WriteFilesAtomically({{path, bytes}});
}

void CheckWritable(const fs::path& path) {
  ErrorScope scope("file", path.string());
  Require(!fs::is_directory(path), ErrorCode::kInvalidArgument,
          "cannot be written: it is a directory");
  MakeFolder(path);
  const fs::path temporary = TemporaryName(path);
  const Descriptor file{open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
  if (file.fd < 0) ThrowErrno(ErrorCode::kInvalidArgument, "cannot be written");
  unlink(temporary.c_str());
}

}  // namespace adze
