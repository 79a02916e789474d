#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adze/tensor.h"

namespace adze {

// From decoded 8-bit RGB to what a network wants: (x - mean) / std per channel, after an optional
// change to BGR.
struct Preprocess {
  std::vector<float> mean = {0, 0, 0};  // in the order of the result's channels
  std::vector<float> std = {1, 1, 1};
  bool bgr = false;
  std::string resize = "squash";  // "squash": whole image; "crop": 87.5 % centre crop
};
// "tf" (x / 127.5 - 1), "caffe" (BGR minus 103.939, 116.779, 123.68), "torch" (ImageNet mean and
// std), "unit" (x / 255), "raw" (x). kInvalidArgument lists the names.
Preprocess PreprocessByName(const std::string& name);

// One input of a network as data is fed to it.
struct InputSpec {
  std::string name;  // placeholder node name
  DType dtype = DType::kFloat;
  Shape shape;  // the first dimension is the batch
};

// Samples, in a fixed order. Reading a sample is const and safe on several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  // Feeds of samples [begin, end): per input a tensor with end - begin rows.
  virtual std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const = 0;
  // What errors call a sample: its file name, or "sample 17".
  virtual std::string SampleName(int64_t index) const { return "sample " + std::to_string(index); }
  // Class of a sample, as in the label file; nullopt if there are none.
  virtual std::optional<int> Label(int64_t) const { return std::nullopt; }
};

// JPEG and PNG files of a folder (not of its subfolders) sorted by name, or, with labels, those
// that the label file names, in its order. Lines of a label file: `file class`.
struct ImageFolder {
  std::filesystem::path folder;
  std::filesystem::path labels = {};  // may be empty
  Preprocess preprocess = {};
  int64_t limit = 0;  // at most so many images; 0: all
};
std::unique_ptr<Dataset> OpenImageFolder(const ImageFolder& source, const InputSpec& input);

// `x.npy` (first axis: samples; uint8 images are preprocessed like decoded ones), a folder of AMCT
// .bin files (one file a batch, raw row-major), or an idx file (grey images, one channel), per
// input. `labels` is a .npy or idx file of classes, a text file of one class or `name class` a
// line, or empty.
struct ArrayData {
  std::map<std::string, std::filesystem::path> inputs;  // placeholder name to file
  std::filesystem::path labels = {};
  Preprocess preprocess = {};
  int64_t limit = 0;
};
std::unique_ptr<Dataset> OpenArrays(const ArrayData& source, const std::vector<InputSpec>& inputs);

// Batches of a dataset in order, decoded ahead on background threads. The last batch may be short.
class BatchReader {
 public:
  BatchReader(const Dataset& data, int64_t batch_size, int num_threads);
  ~BatchReader();
  // False at the end. Rethrows what decoding threw.
  bool Next(std::map<std::string, Tensor>* feeds, int64_t* first_sample);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// NumPy's .npy, versions 1 to 3, C order. kBadFile with the reason.
Tensor ReadNpy(const std::filesystem::path& path);
void WriteNpy(const Tensor& tensor, const std::filesystem::path& path);

// An 8-bit RGB image, [height, width, 3].
Tensor DecodeImage(std::string_view bytes);
// Pillow's Image.resize(BILINEAR): triangle filter widened by the reduction factor, fixed point
// with rounding to uint8 after each of the two passes, byte for byte.
Tensor ResizeBilinear(const Tensor& image, int64_t height, int64_t width);

}  // namespace adze
