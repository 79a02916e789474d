#include <algorithm>

#include "adze/error.h"
#include "io/matching_files.h"
#include "io/row_file.h"
#include "io/row_source.h"

namespace adze {
namespace {

constexpr int64_t kSide = 32, kPlane = kSide * kSide, kChannels = 3;

// Records of label bytes (CIFAR-100: coarse, then fine; the last counts) and a red, a green and a
// blue plane.
class CifarRows : public RowSource {
 public:
  CifarRows(const std::filesystem::path& pattern, int64_t label_bytes)
      : label_bytes_(label_bytes), record_bytes_(label_bytes + kChannels * kPlane) {
    int64_t total = 0;
    for (const std::filesystem::path& path : MatchingFiles(pattern)) {
      auto file = std::make_unique<RowFile>(path);
      const auto size = static_cast<int64_t>(file->size());
      ErrorScope scope("file", path.string());
      Require(size > 0 && size % record_bytes_ == 0, ErrorCode::kBadFile, "has ", size,
              " bytes, CIFAR-", label_bytes == 1 ? 10 : 100, " records are of ", record_bytes_);
      begins_.push_back(total);
      total += size / record_bytes_;
      files_.push_back(std::move(file));
    }
    spec_ = {DType::kUint8, {total, kSide, kSide, kChannels}};
  }

  const TensorSpec& spec() const override { return spec_; }

  Tensor Read(int64_t begin, int64_t end) const override {
    Tensor images(DType::kUint8, {end - begin, kSide, kSide, kChannels});
    auto* out = static_cast<uint8_t*>(images.mutable_raw());
    std::vector<uint8_t> planes(kChannels * kPlane);
    for (int64_t row = begin; row < end; ++row) {
      ReadRecord(row, label_bytes_, kChannels * kPlane, planes.data());
      for (int64_t i = 0; i < kPlane; ++i) {
        for (int64_t c = 0; c < kChannels; ++c) *out++ = planes[c * kPlane + i];
      }
    }
    return images;
  }

  std::optional<int> Label(int64_t row) const override {
    uint8_t label = 0;
    ReadRecord(row, label_bytes_ - 1, 1, &label);
    return label;
  }

  std::string RowName(int64_t row) const override {
    const size_t file = FileOf(row);
    return files_[file]->path().filename().string() + " record " +
           std::to_string(row - begins_[file]);
  }

 private:
  size_t FileOf(int64_t row) const {
    return std::upper_bound(begins_.begin(), begins_.end(), row) - begins_.begin() - 1;
  }
  void ReadRecord(int64_t row, int64_t offset, int64_t count, uint8_t* out) const {
    const size_t file = FileOf(row);
    files_[file]->Read((row - begins_[file]) * record_bytes_ + offset, count, out);
  }

  const int64_t label_bytes_, record_bytes_;
  TensorSpec spec_;
  std::vector<std::unique_ptr<RowFile>> files_;
  std::vector<int64_t> begins_;  // first row of each file
};

}  // namespace

std::unique_ptr<RowSource> OpenCifar(const std::filesystem::path& pattern, int label_bytes) {
  return std::make_unique<CifarRows>(pattern, label_bytes);
}

}  // namespace adze
