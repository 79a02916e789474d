#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace adze {

// A file open for reading at any place by several threads.
class RowFile {
 public:
  explicit RowFile(std::filesystem::path path);  // kNotFound, kBadFile
  // Takes over an open file, which errors call `path`.
  RowFile(std::filesystem::path path, int descriptor, uint64_t size);
  ~RowFile();
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  // kBadFile if the file has become shorter.
  void Read(uint64_t offset, uint64_t count, void* out) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

// Where data goes that cannot be read twice or at any place: a file in the folder for temporary
// files ($TMPDIR) that has no name and vanishes with the program.
class SpoolFile {
 public:
  explicit SpoolFile(std::filesystem::path called);  // kInvalidArgument
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  uint64_t size() const { return size_; }
  void Append(std::string_view bytes);  // kInvalidArgument with the system's reason (disk full)
  // What was appended. Nothing can be appended after that.
  std::unique_ptr<RowFile> Finish();

 private:
  std::filesystem::path called_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace adze
