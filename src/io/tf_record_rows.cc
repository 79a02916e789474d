#include <algorithm>
#include <cstring>
#include <limits>

#include "adze/error.h"
#include "io/image_codec.h"
#include "io/matching_files.h"
#include "io/prepare_image.h"
#include "io/row_source.h"
#include "io/tf_example.h"
#include "io/tf_record.h"

namespace adze {
namespace {

using Kind = ExampleFeature::Kind;

// One field of tf.Examples as rows of one input.
class TfRecordRows : public RowSource {
 public:
  TfRecordRows(const TfRecordData& data, const Preprocess& preprocess, const InputSpec& input)
      : field_(data.field), label_field_(data.label_field), input_(input) {
    Require(!field_.empty(), ErrorCode::kInvalidArgument, "file '", data.files.string(),
            "' holds TFRecords; say which field feeds input '", input.name,
            "', e.g. --field image/encoded");
    MakePreparer(preprocess);
    int64_t total = 0;
    const int64_t most = data.limit > 0 ? data.limit : std::numeric_limits<int64_t>::max();
    for (const std::filesystem::path& path : MatchingFiles(data.files)) {
      if (total >= most) break;
      begins_.push_back(total);
      files_.push_back(OpenTfRecord(path, most - total));
      total += files_.back()->size();
    }
    Require(total > 0, ErrorCode::kBadFile, "file '", data.files.string(), "' holds no records");
    std::vector<int64_t> dims = {total};
    dims.insert(dims.end(), row_.dims().begin(), row_.dims().end());
    spec_ = {input.dtype, Shape(std::move(dims))};
  }

  const TensorSpec& spec() const override { return spec_; }
  bool MayHoldImages() const override { return false; }  // they are prepared here

  Tensor Read(int64_t begin, int64_t end) const override {
    Shape shape = spec_.shape;
    shape[0] = end - begin;
    Tensor batch(spec_.dtype, shape);
    const int64_t step = row_.num_elements() * SizeOf(spec_.dtype);
    for (int64_t row = begin; row < end; ++row) {
      const size_t file = FileOf(row);
      const std::string example = files_[file]->Read(row - begins_[file]);
      ErrorScope scope("file", files_[file]->path().string());
      ErrorScope record("record", std::to_string(row - begins_[file]));
      const ExampleFeature feature = FindFeature(example, field_, row_.num_elements());
      ErrorScope field("field", field_);
      Fill(feature, static_cast<char*>(batch.mutable_raw()) + (row - begin) * step);
    }
    return batch;
  }

  std::optional<int> Label(int64_t row) const override {
    if (label_field_.empty()) return std::nullopt;
    const size_t file = FileOf(row);
    const std::string example = files_[file]->Read(row - begins_[file]);
    ErrorScope scope("file", files_[file]->path().string());
    ErrorScope record("record", std::to_string(row - begins_[file]));
    return ExampleLabel(example, label_field_);
  }

  std::string RowName(int64_t row) const override {
    const size_t file = FileOf(row);
    return files_[file]->path().filename().string() + " record " +
           std::to_string(row - begins_[file]);
  }

 private:
  void MakePreparer(const Preprocess& preprocess) {
    const Shape& shape = input_.shape;
    try {
      Require(shape.known_rank() && shape.rank() == 4, ErrorCode::kInvalidArgument,
              "has the shape ", shape.ToString(), "; images need [batch, height, width, channels]");
      prepare_ = std::make_unique<ImagePreparer>(preprocess, input_,
                                                 Shape{Shape::kUnknown, Shape::kUnknown, 3});
      const Shape one = prepare_->BatchShape(1);
      row_ = Shape(std::vector<int64_t>(one.dims().begin() + 1, one.dims().end()));
    } catch (const Error& error) {
      no_images_ = error.what();
      const bool known = shape.known_rank() && shape.rank() > 0;
      if (known) row_ = Shape(std::vector<int64_t>(shape.dims().begin() + 1, shape.dims().end()));
      Require(known && row_.IsFullyKnown(), ErrorCode::kInvalidArgument, "input '", input_.name,
              "' has the shape ", shape.ToString(),
              "; TFRecords need a known one, give --input-shape");
    }
  }

  size_t FileOf(int64_t row) const {
    return std::upper_bound(begins_.begin(), begins_.end(), row) - begins_.begin() - 1;
  }

  void Fill(const ExampleFeature& feature, char* out) const {
    switch (feature.kind) {
      case Kind::kBytes:
        Require(feature.bytes.size() == 1, ErrorCode::kBadFile, "holds ", feature.bytes.size(),
                " strings where one is needed");
        return FillBytes(feature.bytes[0], out);
      case Kind::kFloats:
        Require(input_.dtype == DType::kFloat || input_.dtype == DType::kDouble ||
                    input_.dtype == DType::kHalf || input_.dtype == DType::kBfloat16,
                ErrorCode::kBadFile, "holds floats, input '", input_.name, "' takes ",
                Name(input_.dtype));
        return FillNumbers(Tensor::Vector(feature.floats), out);
      case Kind::kInts:
        return FillNumbers(Tensor::Vector(feature.ints), out);
      case Kind::kNone:
        throw Error(ErrorCode::kBadFile, "is empty");
    }
  }

  void FillNumbers(const Tensor& numbers, char* out) const {
    Require(numbers.num_elements() == row_.num_elements(), ErrorCode::kBadFile, "holds ",
            numbers.num_elements(), " numbers, input '", input_.name, "' takes ", row_.ToString());
    const Tensor cast = Cast(numbers, input_.dtype);
    std::memcpy(out, cast.raw(), cast.num_bytes());
  }

  // An encoded image, the elements as they are, or pixels of an image of the input's size.
  void FillBytes(std::string_view bytes, char* out) const {
    if (IsJpeg(bytes) || IsPng(bytes)) {
      Require(prepare_ != nullptr, ErrorCode::kBadFile, "holds an image, but ", no_images_);
      const Tensor image = DecodeImage(bytes);
      prepare_->Prepare({.pixels = image.data<uint8_t>().data(),
                         .height = image.shape()[0],
                         .width = image.shape()[1],
                         .channels = 3,
                         .stride = image.shape()[1] * 3},
                        out);
      return;
    }
    const size_t elements = row_.num_elements(), size = elements * SizeOf(input_.dtype);
    if (prepare_ && bytes.size() == elements) {
      const Shape image = prepare_->image_shape();
      prepare_->Prepare({.pixels = reinterpret_cast<const uint8_t*>(bytes.data()),
                         .height = image[0],
                         .width = image[1],
                         .channels = image[2],
                         .stride = image[1] * image[2]},
                        out);
      return;
    }
    Require(bytes.size() == size, ErrorCode::kBadFile, "holds ", bytes.size(),
            " bytes that are neither a JPEG or PNG image nor ", Name(input_.dtype), " ",
            row_.ToString(), " (", size, " bytes)",
            prepare_ ? " nor as many 8-bit pixels (" + std::to_string(elements) + ")" : "");
    std::memcpy(out, bytes.data(), size);
  }

  std::string field_, label_field_;
  InputSpec input_;
  std::unique_ptr<ImagePreparer> prepare_;  // null: the input cannot hold images
  std::string no_images_;                   // why
  Shape row_;
  TensorSpec spec_;
  std::vector<std::unique_ptr<TfRecordFile>> files_;
  std::vector<int64_t> begins_;  // first row of each file
};

}  // namespace

std::unique_ptr<RowSource> OpenTfRecords(const TfRecordData& data, const Preprocess& preprocess,
                                         const InputSpec& input) {
  return std::make_unique<TfRecordRows>(data, preprocess, input);
}

}  // namespace adze
