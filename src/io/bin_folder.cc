#include <algorithm>

#include "adze/error.h"
#include "io/row_file.h"
#include "io/row_source.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> BinFiles(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".bin" && entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  Require(!files.empty(), ErrorCode::kBadFile, "folder '", path.string(), "' holds no .bin files");
  return files;
}

class BinFolder : public RowSource {
 public:
  BinFolder(const fs::path& path, const InputSpec& input) : spec_{input.dtype, input.shape} {
    const Shape row = RowShape(input);
    row_bytes_ = row.num_elements() * SizeOf(input.dtype);
    Require(row_bytes_ > 0, ErrorCode::kInvalidArgument, "input '", input.name, "' has the shape ",
            input.shape.ToString(), " of ", Name(input.dtype), ", which .bin files cannot hold");
    const int64_t batch = input.shape[0];
    for (fs::path& file : BinFiles(path)) {
      ErrorScope scope("file", file.string());
      const auto size = static_cast<int64_t>(RowFile(file).size());
      const int64_t rows = size / row_bytes_;
      Require(size % row_bytes_ == 0 && rows > 0 && (batch < 0 || rows == batch),
              ErrorCode::kBadFile, "has ", size, " bytes, ", Name(input.dtype), " ",
              input.shape.ToString(), " needs ", batch < 0 ? "a multiple of " : "",
              row_bytes_ * std::max<int64_t>(batch, 1));
      begins_.push_back(total_);
      files_.push_back(std::move(file));
      total_ += rows;
    }
    spec_.shape[0] = total_;
  }

  const TensorSpec& spec() const override { return spec_; }
  bool MayHoldImages() const override { return false; }

  Tensor Read(int64_t begin, int64_t end) const override {
    Shape shape = spec_.shape;
    shape[0] = end - begin;
    Tensor tensor(spec_.dtype, shape);
    char* out = static_cast<char*>(tensor.mutable_raw());
    while (begin < end) {
      const size_t file = FileOf(begin);
      const int64_t stop = std::min(end, file + 1 < begins_.size() ? begins_[file + 1] : total_);
      const int64_t bytes = (stop - begin) * row_bytes_;
      RowFile(files_[file]).Read((begin - begins_[file]) * row_bytes_, bytes, out);
      out += bytes;
      begin = stop;
    }
    return tensor;
  }

  std::string RowName(int64_t row) const override {
    const size_t file = FileOf(row);
    return files_[file].filename().string() + " row " + std::to_string(row - begins_[file]);
  }

 private:
  static Shape RowShape(const InputSpec& input) {
    Require(input.shape.known_rank() && input.shape.rank() > 0, ErrorCode::kInvalidArgument,
            "input '", input.name, "' has the shape ", input.shape.ToString(),
            "; .bin files need a known one");
    Shape row(std::vector<int64_t>(input.shape.dims().begin() + 1, input.shape.dims().end()));
    Require(row.IsFullyKnown(), ErrorCode::kInvalidArgument, "input '", input.name,
            "' has the shape ", input.shape.ToString(), "; .bin files need a known one");
    return row;
  }

  size_t FileOf(int64_t row) const {
    return std::upper_bound(begins_.begin(), begins_.end(), row) - begins_.begin() - 1;
  }

  TensorSpec spec_;
  int64_t row_bytes_ = 0, total_ = 0;
  std::vector<fs::path> files_;
  std::vector<int64_t> begins_;  // first row of each file
};

}  // namespace

std::unique_ptr<RowSource> OpenBinFolder(const fs::path& path, const InputSpec& input) {
  return std::make_unique<BinFolder>(path, input);
}

}  // namespace adze
