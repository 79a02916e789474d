#include "io/sstable.h"

#include <leveldb/env.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/table.h>
#include <leveldb/table_builder.h>
#include <snappy.h>

#include <cstring>
#include <memory>
#include <optional>

#include "adze/error.h"

namespace adze {
namespace {

constexpr size_t kFooterBytes = 48, kTrailerBytes = 5;
constexpr char kSnappy = 1;
constexpr const char* kRemedy = "; it is cut off or damaged, copy it anew";

class MemoryFile : public leveldb::RandomAccessFile {
 public:
  explicit MemoryFile(std::string_view bytes) : bytes_(bytes) {}
  leveldb::Status Read(uint64_t offset, size_t n, leveldb::Slice* result, char*) const override {
    if (offset > bytes_.size() || n > bytes_.size() - offset) {
      return leveldb::Status::Corruption("a block lies behind the end of the file");
    }
    *result = leveldb::Slice(bytes_.data() + offset, n);
    return leveldb::Status::OK();
  }

 private:
  std::string_view bytes_;
};

// Blocks that are named twice and keys that share a long beginning make much of little.
uint64_t MostUnpacked(std::string_view file) {
  return 4 * uint64_t{file.size()} + (uint64_t{32} << 20);
}

std::optional<uint64_t> TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 127u} << shift;
    if (byte < 128) return value;
  }
  return std::nullopt;
}

// leveldb trusts blocks whose checksum is right: it takes the memory that their sizes ask for, and
// adds up lengths in 32 bits. A hostile file has right checksums, so all of that is checked first.
class TableCheck {
 public:
  explicit TableCheck(std::string_view file) : file_(file), left_(MostUnpacked(file)) {}

  void Run() {
    Require(file_.size() >= kFooterBytes, ErrorCode::kBadFile, "is too short for a table (",
            file_.size(), " bytes)", kRemedy);
    std::string_view footer = file_.substr(file_.size() - kFooterBytes);
    TakeBlock(footer);  // the index of filters, which is not read
    CheckEntries(TakeBlock(footer), [&](std::string_view handle) {
      CheckEntries(TakeBlock(handle), [](std::string_view) {});
    });
  }

 private:
  // Calls on_value for the value of every entry of a block.
  template <typename F>
  void CheckEntries(std::string_view block, F on_value) {
    std::string memory;
    std::string_view entries = Content(block, &memory);
    Require(entries.size() <= left_, ErrorCode::kBadFile, "unpacks to far more than its size");
    left_ -= entries.size();
    // Offsets where keys begin anew end the block, the first is 0; their count is its last word.
    constexpr size_t kWord = sizeof(uint32_t);
    const auto word = [&](size_t offset) {
      uint32_t value = 0;
      if (offset + kWord <= entries.size()) std::memcpy(&value, entries.data() + offset, kWord);
      return value;
    };
    const uint64_t restarts = entries.size() < kWord ? 0 : word(entries.size() - kWord);
    const uint64_t restart_bytes = (restarts + 1) * kWord;
    Require(restarts > 0 && restart_bytes <= entries.size() &&
                word(entries.size() - restart_bytes) == 0,
            ErrorCode::kBadFile, "has a damaged block", kRemedy);
    entries.remove_suffix(restart_bytes);
    while (!entries.empty()) {
      const auto shared = TakeVarint(entries), added = TakeVarint(entries),
                 size = TakeVarint(entries);
      const bool whole = shared && *shared <= UINT32_MAX && added && size &&
                         *added <= entries.size() && *size <= entries.size() - *added;
      Require(whole, ErrorCode::kBadFile, "has a damaged block", kRemedy);
      on_value(entries.substr(*added, *size));
      entries.remove_prefix(*added + *size);
    }
  }

  // The stored bytes of the block that a handle names, with its type behind them.
  std::string_view TakeBlock(std::string_view& handle) const {
    const auto offset = TakeVarint(handle), size = TakeVarint(handle);
    const bool inside = offset && size && *offset <= file_.size() &&
                        *size <= file_.size() - *offset &&
                        file_.size() - *offset - *size >= kTrailerBytes;
    Require(inside, ErrorCode::kBadFile, "has a block outside of the file", kRemedy);
    return file_.substr(*offset, *size + 1);
  }

  // A snappy element of 3 bytes gives 64 bytes at most.
  static size_t CheckUnpackedSize(std::string_view block) {
    const size_t stored = block.size() - 1;
    if (block.back() != kSnappy) return stored;
    size_t size = 0;
    const bool known = snappy::GetUncompressedLength(block.data(), stored, &size);
    Require(known && size <= 22 * stored, ErrorCode::kBadFile, "has a damaged compressed block",
            kRemedy);
    return size;
  }

  std::string_view Content(std::string_view block, std::string* memory) const {
    CheckUnpackedSize(block);
    if (block.back() != kSnappy) return block.substr(0, block.size() - 1);
    Require(snappy::Uncompress(block.data(), block.size() - 1, memory), ErrorCode::kBadFile,
            "has a damaged compressed block", kRemedy);
    return *memory;
  }

  std::string_view file_;
  uint64_t left_;
};

class MemorySink : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice& data) override {
    bytes.append(data.data(), data.size());
    return leveldb::Status::OK();
  }
  leveldb::Status Close() override { return leveldb::Status::OK(); }
  leveldb::Status Flush() override { return leveldb::Status::OK(); }
  leveldb::Status Sync() override { return leveldb::Status::OK(); }

  std::string bytes;
};

void RequireOk(const leveldb::Status& status) {
  Require(status.ok(), ErrorCode::kBadFile, "is not a whole table: ", status.ToString(), kRemedy);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ReadSsTable(std::string_view bytes,
                                                             const SsTableOptions& options) {
  TableCheck(bytes).Run();
  MemoryFile file(bytes);
  leveldb::Options table_options;
  table_options.paranoid_checks = options.check_sums;
  leveldb::Table* opened = nullptr;
  RequireOk(leveldb::Table::Open(table_options, &file, bytes.size(), &opened));
  const std::unique_ptr<leveldb::Table> table(opened);
  leveldb::ReadOptions read_options;
  read_options.verify_checksums = options.check_sums;
  read_options.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> at(table->NewIterator(read_options));
  std::vector<std::pair<std::string, std::string>> entries;
  uint64_t left = MostUnpacked(bytes);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const uint64_t taken = at->key().size() + at->value().size() + sizeof(entries[0]);
    Require(taken <= left, ErrorCode::kBadFile, "unpacks to far more than its size");
    left -= taken;
    entries.emplace_back(at->key().ToString(), at->value().ToString());
  }
  RequireOk(at->status());
  return entries;
}

std::string WriteSsTable(const std::vector<std::pair<std::string, std::string>>& entries) {
  leveldb::Options options;
  options.compression = leveldb::kNoCompression;  // as TensorFlow writes it
  MemorySink sink;
  leveldb::TableBuilder builder(options, &sink);
  for (const auto& [key, value] : entries) builder.Add(key, value);
  const leveldb::Status status = builder.Finish();
  Check(status.ok(), "a table in memory cannot be written");
  return std::move(sink.bytes);
}

}  // namespace adze
