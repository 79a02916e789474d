#include "adze/error.h"
#include "adze/file.h"
#include "io/array_layout.h"
#include "io/gzip.h"
#include "io/row_file.h"
#include "io/row_source.h"

namespace adze {
namespace {

class ArrayOnDisk : public RowSource {
 public:
  ArrayOnDisk(std::unique_ptr<RowFile> file, const ArrayLayout& layout)
      : file_(std::move(file)), layout_(layout), spec_{layout.dtype, layout.shape} {}

  const TensorSpec& spec() const override { return spec_; }
  Tensor Read(int64_t begin, int64_t end) const override {
    Shape shape = spec_.shape;
    shape[0] = end - begin;
    Tensor tensor(spec_.dtype, shape);
    const uint64_t row = tensor.num_bytes() / std::max<int64_t>(end - begin, 1);
    file_->Read(layout_.offset + begin * row, tensor.num_bytes(), tensor.mutable_raw());
    FixElements(layout_, tensor);
    return tensor;
  }

 private:
  std::unique_ptr<RowFile> file_;
  ArrayLayout layout_;
  TensorSpec spec_;
};

class ArrayInMemory : public RowSource {
 public:
  explicit ArrayInMemory(Tensor tensor)
      : tensor_(std::move(tensor)), spec_{tensor_.dtype(), tensor_.shape()} {}
  const TensorSpec& spec() const override { return spec_; }
  Tensor Read(int64_t begin, int64_t end) const override { return tensor_.Rows(begin, end); }

 private:
  Tensor tensor_;
  TensorSpec spec_;
};

}  // namespace

std::unique_ptr<RowSource> OpenArrayFile(const std::filesystem::path& path) {
  auto file = std::make_unique<RowFile>(path);
  ErrorScope scope("file", path.string());
  std::string head(std::min<uint64_t>(file->size(), kMostArrayHeaderBytes), '\0');
  file->Read(0, head.size(), head.data());
  std::unique_ptr<RowSource> source;
  if (IsGzip(head)) {
    source = std::make_unique<ArrayInMemory>(ParseArray(Gunzip(ReadFile(path))));
  } else {
    const ArrayLayout layout = ParseArrayHeader(head, file->size());
    source = std::make_unique<ArrayOnDisk>(std::move(file), layout);
  }
  const Shape& shape = source->spec().shape;
  Require(shape.rank() > 0, ErrorCode::kBadFile, "holds a scalar, its first axis must be samples");
  Require(shape[0] > 0, ErrorCode::kBadFile, "holds no samples: ", shape.ToString());
  return source;
}

}  // namespace adze
