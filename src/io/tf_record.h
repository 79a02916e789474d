#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/row_file.h"

namespace adze {

// Records of a TFRecord file, found by number: a length, its checksum, that many bytes, their
// checksum. The index keeps the place of one record in 16.
class TfRecordFile {
 public:
  // Indexes the first `most` records. Where the file is damaged its rest counts as one record that
  // cannot be read; `damage` says what cut `file` off, if that is known.
  TfRecordFile(std::unique_ptr<RowFile> file, int64_t most, const std::string& damage = {});

  int64_t size() const { return size_; }
  const std::filesystem::path& path() const { return file_->path(); }
  // Safe on several threads. kBadFile with file and record for what is cut off or damaged.
  std::string Read(int64_t record) const;

 private:
  static constexpr int64_t kStride = 16;
  uint64_t LengthAt(uint64_t offset) const;

  std::unique_ptr<RowFile> file_;
  std::vector<uint64_t> offsets_;  // of records 0, kStride, 2 kStride, ...
  int64_t size_ = 0;
  std::string damage_;  // of the last record; empty: none
};

// Packed (GZIP or ZLIB, as TensorFlow writes them) or not. A packed file is unpacked into a
// temporary one.
std::unique_ptr<TfRecordFile> OpenTfRecord(const std::filesystem::path& path, int64_t most);
// Whether a file is one, by its first bytes or, where those are damaged, by its name.
bool IsTfRecord(const std::filesystem::path& path);

}  // namespace adze
