#pragma once

#include <cstdint>
#include <filesystem>

namespace adze {

// A file open for reading at any place by several threads.
class RowFile {
 public:
  explicit RowFile(std::filesystem::path path);  // kNotFound, kBadFile
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

}  // namespace adze
