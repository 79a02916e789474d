#pragma once

#include <filesystem>
#include <memory>
#include <string>

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
  // Whether uint8 rows may be pictures, or are just what the input takes.
  virtual bool MayHoldImages() const { return true; }

  int64_t num_rows() const { return spec().shape[0]; }
};

// A .npy or idx file, idx also packed by gzip. What is not packed stays on disk until it is read.
std::unique_ptr<RowSource> OpenArrayFile(const std::filesystem::path& path);
// A folder of AMCT's .bin files (or one such file): each a batch, raw and row-major, of the input's
// type and shape. Where the shape leaves the batch open a file has any number of rows.
std::unique_ptr<RowSource> OpenBinFolder(const std::filesystem::path& path, const InputSpec& input);

}  // namespace adze
