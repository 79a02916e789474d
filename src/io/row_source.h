#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adze/dataset.h"

namespace adze {

// Rows of one input from files. Reading is const and safe on several threads.
class RowSource {
 public:
  virtual ~RowSource() = default;
  // The first dimension counts the rows.
  virtual const TensorSpec& spec() const = 0;
  virtual Tensor Read(int64_t begin, int64_t end) const = 0;
  virtual std::string RowName(int64_t row) const { return "sample " + std::to_string(row); }
  // The class of a row where the data holds it.
  virtual std::optional<int> Label(int64_t) const { return std::nullopt; }
  // Whether uint8 rows may be pictures, or are just what the input takes.
  virtual bool MayHoldImages() const { return true; }

  int64_t num_rows() const { return spec().shape[0]; }
};

// A .npy or idx file, idx also packed by gzip. What is not packed stays on disk until it is read.
std::unique_ptr<RowSource> OpenArrayFile(const std::filesystem::path& path);
// A folder of AMCT's .bin files (or one such file): each a batch, raw and row-major, of the input's
// type and shape. Where the shape leaves the batch open a file has any number of rows.
std::unique_ptr<RowSource> OpenBinFolder(const std::filesystem::path& path, const InputSpec& input);
// CIFAR binaries: records of 1 (CIFAR-10) or 2 (CIFAR-100: coarse, fine) label bytes and 3,072
// pixel bytes, planes red, green, blue of 32 x 32. `pattern` may name several files. Labels are the
// fine.
std::unique_ptr<RowSource> OpenCifar(const std::filesystem::path& pattern, int label_bytes);

struct TfRecordData {
  std::filesystem::path files;  // may be a pattern
  std::string field, label_field = {};
  int64_t limit = 0;  // at most so many records; 0: all
};
// One field of TFRecord files of tf.Example, as rows of the input: JPEG or PNG images, 8-bit pixels
// or raw elements of a bytes_list, or the numbers of a float_list or int64_list.
std::unique_ptr<RowSource> OpenTfRecords(const TfRecordData& data, const Preprocess& preprocess,
                                         const InputSpec& input);

// What a command writes to its standard output, until it ends or `limit` rows (0: all) are there:
// .npy arrays, one for each input in this order, again and again. It goes to a temporary file.
// kBadFile if the command fails or writes anything else; kCancelled after Ctrl-C, which ends it.
std::vector<std::unique_ptr<RowSource>> OpenCommand(const std::string& command,
                                                    const std::vector<InputSpec>& inputs,
                                                    int64_t limit);

}  // namespace adze
