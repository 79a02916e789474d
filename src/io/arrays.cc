#include <algorithm>

#include "adze/dataset.h"
#include "adze/error.h"
#include "io/labels.h"
#include "io/prepare_image.h"
#include "io/row_source.h"

namespace adze {
namespace {

std::unique_ptr<RowSource> OpenRows(const std::filesystem::path& path, const InputSpec& input) {
  const bool is_bin = std::filesystem::is_directory(path) || path.extension() == ".bin";
  return is_bin ? OpenBinFolder(path, input) : OpenArrayFile(path);
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
  Feed(const std::filesystem::path& path, const Preprocess& preprocess, const InputSpec& input)
      : dtype_(input.dtype), rows_(OpenRows(path, input)) {
    ErrorScope scope("file", path.string());
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
    CheckNames(source, inputs);
    for (const InputSpec& input : inputs) {
      const std::filesystem::path& path = source.inputs.at(input.name);
      const Feed& feed =
          feeds_.emplace(input.name, Feed(path, source.preprocess, input)).first->second;
      const Feed& first = feeds_.at(inputs.front().name);
      Require(feed.rows().num_rows() == first.rows().num_rows(), ErrorCode::kInvalidArgument,
              "file '", path.string(), "' has ", feed.rows().num_rows(), " samples, file '",
              source.inputs.at(inputs.front().name).string(), "' has ", first.rows().num_rows());
      names_ = &first.rows();
    }
    size_ = names_->num_rows();
    if (!source.labels.empty()) {
      labels_ = ReadLabels(source.labels);
      Require(static_cast<int64_t>(labels_.size()) == size_, ErrorCode::kInvalidArgument, "file '",
              source.labels.string(), "' has ", labels_.size(), " labels for ", size_, " samples");
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
    return labels_.empty() ? std::nullopt : std::optional(labels_.at(index).label);
  }

 private:
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
                                     [&](const InputSpec& input) { return input.name == name; });
      Require(found, ErrorCode::kInvalidArgument, "there is no input '", name, "' for file '",
              path.string(), "'; inputs are ", known);
    }
  }

  std::map<std::string, Feed> feeds_;
  const RowSource* names_ = nullptr;  // of the first input
  std::vector<LabelLine> labels_;
  int64_t size_ = 0;
};

}  // namespace

std::unique_ptr<Dataset> OpenArrays(const ArrayData& source, const std::vector<InputSpec>& inputs) {
  return std::make_unique<Arrays>(source, inputs);
}

}  // namespace adze
