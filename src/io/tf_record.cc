#include "io/tf_record.h"

#include <algorithm>
#include <cstring>

#include "adze/cancel.h"
#include "adze/error.h"
#include "base/crc32c.h"
#include "io/gzip.h"

namespace adze {
namespace {

constexpr uint64_t kHeadBytes = 12, kTailBytes = 4;

// Little-endian numbers, on machines that are.
template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

bool IsHead(std::string_view head) {
  return head.size() >= kHeadBytes &&
         MaskedCrc32c(head.substr(0, 8)) == Load<uint32_t>(head.data() + 8);
}

// Packed bytes of a file in pieces.
std::function<std::string_view()> Pieces(const RowFile& file, std::string* buffer) {
  return [&file, buffer, offset = uint64_t{0}]() mutable -> std::string_view {
    ThrowIfCancelled();
    const uint64_t count = std::min<uint64_t>(buffer->size(), file.size() - offset);
    file.Read(offset, count, buffer->data());
    offset += count;
    return std::string_view(buffer->data(), count);
  };
}

bool HoldsPackedRecords(const RowFile& file) {
  std::string buffer(4096, '\0'), head;
  try {
    Inflate(Pieces(file, &buffer), [&](std::string_view piece) {
      head += piece.substr(0, kHeadBytes);
      return head.size() < kHeadBytes;
    });
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    return false;
  }
  return IsHead(head);
}

bool IsPacked(const RowFile& file) {
  std::string head(std::min<uint64_t>(file.size(), kHeadBytes), '\0');
  file.Read(0, head.size(), head.data());
  return !IsHead(head) && (IsGzip(head) || MayBeZlib(head)) && HoldsPackedRecords(file);
}

}  // namespace

TfRecordFile::TfRecordFile(std::unique_ptr<RowFile> file, int64_t most, const std::string& damage)
    : file_(std::move(file)) {
  uint64_t offset = 0;
  try {
    for (; offset < file_->size() && size_ < most; ++size_) {
      if (size_ % 4096 == 0) ThrowIfCancelled();
      if (size_ % kStride == 0) offsets_.push_back(offset);
      offset += kHeadBytes + LengthAt(offset) + kTailBytes;
    }
    if (!damage.empty() && size_ < most) {
      if (size_ % kStride == 0) offsets_.push_back(offset);
      ++size_;
      damage_ = damage;
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadFile) throw;
    ++size_;
    damage_ = damage.empty() ? error.what() : damage;
  }
}

uint64_t TfRecordFile::LengthAt(uint64_t offset) const {
  const uint64_t left = file_->size() - std::min(offset, file_->size());
  Require(left >= kHeadBytes + kTailBytes, ErrorCode::kBadFile, "is cut off at byte ", offset);
  char head[kHeadBytes];
  file_->Read(offset, kHeadBytes, head);
  Require(IsHead({head, kHeadBytes}), ErrorCode::kBadFile, "is damaged at byte ", offset,
          ": the length has a wrong checksum; what follows is lost");
  const auto length = Load<uint64_t>(head);
  Require(length <= left - kHeadBytes - kTailBytes, ErrorCode::kBadFile, "is cut off at byte ",
          offset, ": ", length, " bytes should follow, there are ", left - kHeadBytes - kTailBytes);
  return length;
}

std::string TfRecordFile::Read(int64_t record) const {
  Check(record >= 0 && record < size_, "records of a file");
  ErrorScope scope("file", path().string());
  ErrorScope record_scope("record", std::to_string(record));
  Require(damage_.empty() || record < size_ - 1, ErrorCode::kBadFile, damage_);
  uint64_t offset = offsets_[record / kStride];
  for (int64_t i = record % kStride; i > 0; --i) {
    offset += kHeadBytes + LengthAt(offset) + kTailBytes;
  }
  const uint64_t length = LengthAt(offset);
  std::string bytes(length + kTailBytes, '\0');
  file_->Read(offset + kHeadBytes, bytes.size(), bytes.data());
  const auto stored = Load<uint32_t>(bytes.data() + length);
  bytes.resize(length);
  Require(MaskedCrc32c(bytes) == stored, ErrorCode::kBadFile,
          "is damaged: its bytes have a wrong checksum");
  return bytes;
}

std::unique_ptr<TfRecordFile> OpenTfRecord(const std::filesystem::path& path, int64_t most) {
  auto file = std::make_unique<RowFile>(path);
  if (!IsPacked(*file)) return std::make_unique<TfRecordFile>(std::move(file), most);
  std::string buffer(1 << 18, '\0'), damage;
  SpoolFile spool(path);
  try {
    Inflate(Pieces(*file, &buffer), [&](std::string_view piece) {
      const uint64_t limit = MostUnpackedBytes(file->size());
      Require(piece.size() <= limit - spool.size(), ErrorCode::kBadFile, "unpacks to more than ",
              limit, " bytes");
      spool.Append(piece);
      return true;
    });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadFile) throw;
    damage = error.what();
  }
  return std::make_unique<TfRecordFile>(spool.Finish(), most, damage);
}

bool IsTfRecord(const std::filesystem::path& path) {
  if (path.extension() == ".tfrecord" || path.extension() == ".tfrecords") return true;
  const RowFile file(path);
  std::string head(std::min<uint64_t>(file.size(), kHeadBytes), '\0');
  file.Read(0, head.size(), head.data());
  return IsHead(head) || IsPacked(file);
}

}  // namespace adze
