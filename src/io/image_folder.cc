#include <algorithm>

#include "adze/dataset.h"
#include "adze/error.h"
#include "adze/file.h"
#include "io/labels.h"
#include "io/prepare_image.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

bool HasImageName(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

std::vector<LabelLine> ImagesOf(const fs::path& folder) {
  std::vector<LabelLine> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (HasImageName(entry.path()) && entry.is_regular_file()) {
      files.push_back({.name = entry.path().filename().string()});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const LabelLine& a, const LabelLine& b) { return a.name < b.name; });
  return files;
}

// The images that a label file names, which must be there before hours of work begin.
std::vector<LabelLine> LabelledImages(const ImageFolder& source) {
  std::vector<LabelLine> files = ReadLabels(source.labels);
  ErrorScope scope("file", source.labels.string());
  size_t missing = 0;
  std::string first;
  for (const LabelLine& file : files) {
    Require(!file.name.empty(), ErrorCode::kBadFile,
            "holds classes only; for a folder its lines are `file class`");
    if (fs::is_regular_file(source.folder / file.name)) continue;
    if (missing++ == 0) first = file.name;
  }
  Require(missing == 0, ErrorCode::kNotFound, "names '", first, "'",
          missing > 1 ? " and " + std::to_string(missing - 1) + " more" : "",
          ", not found in folder '", source.folder.string(), "'");
  return files;
}

class Folder : public Dataset {
 public:
  Folder(const ImageFolder& source, const InputSpec& input)
      : folder_(source.folder),
        labelled_(!source.labels.empty()),
        input_(input.name),
        prepare_(source.preprocess, WithRank(input), {Shape::kUnknown, Shape::kUnknown, 3}) {
    Require(fs::is_directory(folder_), ErrorCode::kNotFound, "folder '", folder_.string(),
            "' does not exist");
    files_ = labelled_ ? LabelledImages(source) : ImagesOf(folder_);
    Require(!files_.empty(), ErrorCode::kBadFile, "folder '", folder_.string(),
            "' holds no images (.jpg, .jpeg, .png)");
    if (source.limit > 0 && source.limit < size()) files_.resize(source.limit);
  }

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  std::string SampleName(int64_t index) const override { return files_.at(index).name; }
  std::optional<int> Label(int64_t index) const override {
    return labelled_ ? std::optional(files_.at(index).label) : std::nullopt;
  }

  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Check(begin >= 0 && begin <= end && end <= size(), "samples of a dataset");
    Tensor batch(prepare_.dtype(), prepare_.BatchShape(end - begin));
    const int64_t step = batch.num_bytes() / std::max<int64_t>(end - begin, 1);
    for (int64_t i = begin; i < end; ++i) {
      const fs::path path = folder_ / files_[i].name;
      const std::string bytes = ReadFile(path, kMostImageBytes);
      ErrorScope scope("file", path.string());
      const Tensor image = DecodeImage(bytes);
      prepare_.Prepare({.pixels = image.data<uint8_t>().data(),
                        .height = image.shape()[0],
                        .width = image.shape()[1],
                        .channels = 3,
                        .stride = image.shape()[1] * 3},
                       static_cast<char*>(batch.mutable_raw()) + (i - begin) * step);
    }
    return {{input_, batch}};
  }

 private:
  static constexpr uint64_t kMostImageBytes = uint64_t{1} << 28;

  // Decoded pictures have no common size that could stand in for the input's.
  static const InputSpec& WithRank(const InputSpec& input) {
    Require(input.shape.known_rank() && input.shape.rank() == 4, ErrorCode::kInvalidArgument,
            "input '", input.name, "' has the shape ", input.shape.ToString(),
            "; images need [batch, height, width, channels]");
    return input;
  }

  fs::path folder_;
  bool labelled_;
  std::string input_;
  ImagePreparer prepare_;
  std::vector<LabelLine> files_;
};

}  // namespace

std::unique_ptr<Dataset> OpenImageFolder(const ImageFolder& source, const InputSpec& input) {
  return std::make_unique<Folder>(source, input);
}

}  // namespace adze
