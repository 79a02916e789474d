#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adze/tensor.h"

namespace adze {

// From decoded 8-bit RGB to what a network wants: resized, optionally changed to BGR, then
// (x - mean) / std per channel, computed in float32 as x / std - mean / std. An input of one
// channel gets ITU-R 601 luma. uint8 inputs get the pixels without mean and std.
struct Preprocess {
  std::vector<float> mean = {0, 0, 0};  // in the order of the result's channels; one: for all
  std::vector<float> std = {1, 1, 1};
  bool bgr = false;
  // "squash": the whole image, aspect ratio not kept. "crop": the middle 87.5 % of either side
  // (TF-slim's central crop: int((side - 0.875 side) / 2) pixels go at each end), then the same.
  std::string resize = "squash";
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

// Samples, in a fixed order. Errors name the file. Reading a sample is const and safe on several
// threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  // Feeds of samples [begin, end): per input a tensor with end - begin rows.
  virtual std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const = 0;
  // What errors call a sample: its file name, or "sample 17".
  virtual std::string SampleName(int64_t index) const { return "sample " + std::to_string(index); }
  // Class of a sample, as in the label file or the data; nullopt if there are none.
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

// What was left out of a dataset because it could not be read.
struct SkippedSamples {
  int64_t count = 0;
  std::vector<std::string> first = {};  // the first few: what was wrong, with the names
};

// Samples [0, limit) (0: all) of those that can be read, found by reading every sample once on
// num_threads threads (0: all cores): the same for any number of them. kBadFile, with the first
// reason, if there are none.
std::unique_ptr<Dataset> SkipBadSamples(std::unique_ptr<Dataset> data, int64_t limit,
                                        int num_threads, SkippedSamples* skipped);

// Per input a `x.npy` or idx file (also .gz) whose first axis counts samples, or a folder of AMCT
// .bin files: each a batch, raw and row-major, of the input's type and shape, taken in the order of
// their names; `cifar10:FILES` or `cifar100:FILES`; TFRecord files, packed by gzip or zlib or not;
// or a folder of images. FILES may be a pattern. uint8 of a .npy or idx, [n, h, w, 3], [n, h, w, 1]
// or [n, h, w], are images and preprocessed like decoded ones (resized where the input has another
// size); everything else is fed as it is. Rows are read from the file when they are asked for.
// Without `labels` the classes are those of CIFAR or of `label_field`. `labels` is a .npy or idx
// file of classes, a text file of one class or `name class` a line in the order of the samples, or
// empty.
struct ArrayData {
  std::map<std::string, std::filesystem::path> inputs;  // placeholder name to file
  // Field of the tf.Examples that feeds a placeholder; that of "" feeds those that are not named.
  std::map<std::string, std::string> fields = {};
  std::string label_field = {};  // of the tf.Examples
  // Instead of `inputs`: a command of the shell that writes .npy arrays to its standard output, for
  // each batch one for each input in their order.
  std::string command = {};
  std::filesystem::path labels = {};
  Preprocess preprocess = {};
  int64_t limit = 0;
};
std::unique_ptr<Dataset> OpenArrays(const ArrayData& source, const std::vector<InputSpec>& inputs);

// Batches of a dataset in order, decoded ahead on background threads, at most num_threads + 1
// batches ahead. The last batch may be short.
class BatchReader {
 public:
  BatchReader(const Dataset& data, int64_t batch_size, int num_threads);
  ~BatchReader();
  // False at the end. Rethrows what reading that batch threw; the next call gives the next batch.
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
