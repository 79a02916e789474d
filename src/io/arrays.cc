#include <algorithm>
#include <cstring>

#include "adze/dataset.h"
#include "adze/error.h"
#include "io/labels.h"
#include "io/matching_files.h"
#include "io/prepare_image.h"
#include "io/row_source.h"
#include "io/tf_record.h"

namespace adze {
namespace {

// A folder of images as rows of one input.
class ImageRows : public RowSource {
 public:
  ImageRows(const ImageFolder& source, const InputSpec& input)
      : images_(OpenImageFolder(source, input)), input_(input.name) {
    spec_ = {input.dtype, images_->Read(0, 0).at(input_).shape()};
    spec_.shape[0] = images_->size();
  }
  const TensorSpec& spec() const override { return spec_; }
  bool MayHoldImages() const override { return false; }  // they are prepared already
  Tensor Read(int64_t begin, int64_t end) const override {
    return images_->Read(begin, end).at(input_);
  }
  std::string RowName(int64_t row) const override { return images_->SampleName(row); }

 private:
  std::unique_ptr<Dataset> images_;
  std::string input_;
  TensorSpec spec_;
};

bool HoldsBinFiles(const std::filesystem::path& folder) {
  const std::filesystem::directory_iterator entries(folder);
  return std::any_of(begin(entries), end(entries),
                     [](const auto& entry) { return entry.path().extension() == ".bin"; });
}

std::string FieldOf(const ArrayData& source, const std::string& input) {
  for (const std::string& name : {input, std::string()}) {
    if (const auto found = source.fields.find(name); found != source.fields.end()) {
      return found->second;
    }
  }
  return "";
}

std::unique_ptr<RowSource> OpenRows(const ArrayData& source, const InputSpec& input) {
  const std::filesystem::path& path = source.inputs.at(input.name);
  for (const auto& [prefix, label_bytes] : {std::pair("cifar10:", 1), std::pair("cifar100:", 2)}) {
    const std::string text = path.string();
    if (text.starts_with(prefix)) return OpenCifar(text.substr(std::strlen(prefix)), label_bytes);
  }
  if (std::filesystem::is_directory(path) && !HoldsBinFiles(path) && input.shape.rank() == 4) {
    return std::make_unique<ImageRows>(ImageFolder{.folder = path, .preprocess = source.preprocess},
                                       input);
  }
  if (std::filesystem::is_directory(path) || path.extension() == ".bin") {
    return OpenBinFolder(path, input);
  }
  const std::vector<std::filesystem::path> files = MatchingFiles(path);
  if (IsTfRecord(files.front())) {
    return OpenTfRecords({.files = path,
                          .field = FieldOf(source, input.name),
                          .label_field = source.label_field,
                          .limit = source.limit},
                         source.preprocess, input);
  }
  Require(files.size() == 1, ErrorCode::kInvalidArgument, "file '", files.front().string(),
          "' is no TFRecord file, and of other kinds one file feeds an input; '", path.string(),
          "' names ", files.size());
  return OpenArrayFile(files.front());
}

// uint8 [h, w], [h, w, 1] and [h, w, 3] are pictures; other rows a line of grey pixels, so that
// they are scaled as pictures are.
Shape PictureShape(const Shape& rows) {
  if (rows.rank() == 3) return {rows[1], rows[2], 1};
  if (rows.rank() == 4 && (rows[3] == 1 || rows[3] == 3)) return {rows[1], rows[2], rows[3]};
  return {1, rows.num_elements() / rows[0], 1};
}

// One input: where its rows come from and what becomes of them.
class Feed {
 public:
  Feed(std::unique_ptr<RowSource> rows, const Preprocess& preprocess, const InputSpec& input)
      : dtype_(input.dtype), rows_(std::move(rows)) {
    const TensorSpec& spec = rows_->spec();
    if (spec.dtype == DType::kUint8 && rows_->MayHoldImages() &&
        (dtype_ == DType::kFloat || dtype_ == DType::kUint8)) {
      picture_ = PictureShape(spec.shape);
      Require(picture_.num_elements() > 0, ErrorCode::kBadFile, "holds samples without elements");
      prepare_ = std::make_unique<ImagePreparer>(preprocess, input, picture_);
    } else {
      CheckFits(input);
    }
  }

  const RowSource& rows() const { return *rows_; }

  Tensor Read(int64_t begin, int64_t end) const {
    Tensor read = rows_->Read(begin, end);
    if (!prepare_) return Cast(read, dtype_);
    Tensor result(dtype_, prepare_->BatchShape(end - begin));
    const int64_t size = picture_.num_elements();
    const int64_t step = result.num_bytes() / std::max<int64_t>(end - begin, 1);
    for (int64_t i = 0; i < end - begin; ++i) {
      prepare_->Prepare({.pixels = read.data<uint8_t>().data() + i * size,
                         .height = picture_[0],
                         .width = picture_[1],
                         .channels = picture_[2],
                         .stride = picture_[1] * picture_[2]},
                        static_cast<char*>(result.mutable_raw()) + i * step);
    }
    return result;
  }

 private:
  void CheckFits(const InputSpec& input) const {
    const TensorSpec& spec = rows_->spec();
    const auto is_real = [](DType dtype) {
      return dtype == DType::kFloat || dtype == DType::kDouble || dtype == DType::kHalf ||
             dtype == DType::kBfloat16;
    };
    Require(!is_real(spec.dtype) || is_real(input.dtype), ErrorCode::kInvalidArgument, "holds ",
            Name(spec.dtype), ", input '", input.name, "' takes ", Name(input.dtype));
    if (!input.shape.known_rank()) return;
    bool fits = spec.shape.rank() == input.shape.rank();
    for (int i = 1; fits && i < input.shape.rank(); ++i) {
      fits = input.shape[i] < 0 || input.shape[i] == spec.shape[i];
    }
    Require(fits, ErrorCode::kInvalidArgument, "holds ", spec.shape.ToString(), ", input '",
            input.name, "' takes ", input.shape.ToString());
  }

  DType dtype_;
  std::unique_ptr<RowSource> rows_;
  Shape picture_;
  std::unique_ptr<ImagePreparer> prepare_;  // null: rows are fed as they are
};

class Arrays : public Dataset {
 public:
  Arrays(const ArrayData& source, const std::vector<InputSpec>& inputs) {
    if (source.command.empty()) {
      CheckNames(source, inputs);
      for (const InputSpec& input : inputs) {
        const std::filesystem::path& path = source.inputs.at(input.name);
        auto rows = OpenRows(source, input);
        ErrorScope scope("file", path.string());
        AddFeed(std::move(rows), source, input);
      }
    } else {
      Require(source.inputs.empty(), ErrorCode::kInvalidArgument,
              "give either files or a command, not both");
      auto rows = OpenCommand(source.command, inputs, source.limit);
      ErrorScope scope("command", source.command);
      for (size_t i = 0; i < inputs.size(); ++i) AddFeed(std::move(rows[i]), source, inputs[i]);
    }
    CheckSizes(source, inputs);
    if (!source.labels.empty()) {
      labels_ = ReadLabels(source.labels);
      const auto count = static_cast<int64_t>(labels_.size());
      Require(count == size_ || (size_ == source.limit && count > size_),
              ErrorCode::kInvalidArgument, "file '", source.labels.string(), "' has ",
              labels_.size(), " labels for ", size_, " samples");
    }
    if (source.limit > 0) size_ = std::min(size_, source.limit);
  }

  int64_t size() const override { return size_; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Check(begin >= 0 && begin <= end && end <= size_, "samples of a dataset");
    std::map<std::string, Tensor> result;
    for (const auto& [name, feed] : feeds_) result.emplace(name, feed.Read(begin, end));
    return result;
  }
  std::string SampleName(int64_t index) const override {
    return labels_.empty() || labels_[index].name.empty() ? names_->RowName(index)
                                                          : labels_[index].name;
  }
  std::optional<int> Label(int64_t index) const override {
    if (!labels_.empty()) return labels_.at(index).label;
    for (const auto& [name, feed] : feeds_) {
      if (const std::optional<int> label = feed.rows().Label(index)) return label;
    }
    return std::nullopt;
  }

 private:
  void AddFeed(std::unique_ptr<RowSource> rows, const ArrayData& source, const InputSpec& input) {
    const Feed& feed =
        feeds_.emplace(input.name, Feed(std::move(rows), source.preprocess, input)).first->second;
    if (!names_) names_ = &feed.rows();
  }

  void CheckSizes(const ArrayData& source, const std::vector<InputSpec>& inputs) {
    const int64_t limit = source.limit;
    size_ = names_->num_rows();
    for (const InputSpec& input : inputs) {
      const int64_t rows = feeds_.at(input.name).rows().num_rows();
      // TFRecords and a command's output end at the limit, whatever follows.
      const bool cut = limit > 0 && std::min(rows, size_) == limit;
      if (rows == size_ || cut || !source.command.empty()) continue;
      throw Error(ErrorCode::kInvalidArgument, "file '" + source.inputs.at(input.name).string() +
                                                   "' has " + std::to_string(rows) +
                                                   " samples, file '" +
                                                   source.inputs.at(inputs.front().name).string() +
                                                   "' has " + std::to_string(size_));
    }
  }

  static void CheckNames(const ArrayData& source, const std::vector<InputSpec>& inputs) {
    Require(!inputs.empty(), ErrorCode::kInvalidArgument, "the model has no inputs to feed");
    std::string known;
    for (const InputSpec& input : inputs) {
      known += (known.empty() ? "'" : ", '") + input.name + "'";
      Require(source.inputs.contains(input.name), ErrorCode::kInvalidArgument, "input '",
              input.name, "' has no data; give a file for it");
    }
    for (const auto& [name, path] : source.inputs) {
      const bool found = std::any_of(inputs.begin(), inputs.end(),
                                     [&name = name](const InputSpec& input) { return input.name == name; });
      Require(found, ErrorCode::kInvalidArgument, "there is no input '", name, "' for file '",
              path.string(), "'; inputs are ", known);
    }
  }

  std::map<std::string, Feed> feeds_;
  const RowSource* names_ = nullptr;  // rows of the first input
  std::vector<LabelLine> labels_;
  int64_t size_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> OpenArrays(const ArrayData& source, const std::vector<InputSpec>& inputs) {
  return std::make_unique<Arrays>(source, inputs);
}

}  // namespace adze
