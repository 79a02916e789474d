#include "io/npy_stream.h"

#include <algorithm>
#include <limits>
#include <string>

#include "adze/error.h"
#include "io/array_layout.h"
#include "io/row_file.h"

namespace adze {
namespace {

// The arrays of one input, one behind the other in pieces.
struct Pieces {
  ArrayLayout layout;             // of the first array
  std::vector<uint64_t> offsets;  // of each array in the spool
  std::vector<int64_t> begins;    // the first row of each
  int64_t rows = 0;
};

class SpooledRows : public RowSource {
 public:
  SpooledRows(std::shared_ptr<RowFile> file, Pieces pieces)
      : file_(std::move(file)),
        pieces_(std::move(pieces)),
        spec_{pieces_.layout.dtype, pieces_.layout.shape} {
    spec_.shape[0] = pieces_.rows;
  }

  const TensorSpec& spec() const override { return spec_; }

  Tensor Read(int64_t begin, int64_t end) const override {
    Shape shape = spec_.shape;
    shape[0] = end - begin;
    Tensor tensor(spec_.dtype, shape);
    const uint64_t row_bytes = tensor.num_bytes() / std::max<int64_t>(end - begin, 1);
    char* out = static_cast<char*>(tensor.mutable_raw());
    const std::vector<int64_t>& begins = pieces_.begins;
    while (begin < end) {
      const size_t piece =
          std::upper_bound(begins.begin(), begins.end(), begin) - begins.begin() - 1;
      const int64_t stop =
          std::min(end, piece + 1 < begins.size() ? begins[piece + 1] : pieces_.rows);
      const uint64_t bytes = (stop - begin) * row_bytes;
      file_->Read(pieces_.offsets[piece] + (begin - begins[piece]) * row_bytes, bytes, out);
      out += bytes;
      begin = stop;
    }
    FixElements(pieces_.layout, tensor);
    return tensor;
  }

 private:
  std::shared_ptr<RowFile> file_;
  Pieces pieces_;
  TensorSpec spec_;
};

class StreamReader {
 public:
  StreamReader(const std::function<size_t(char*, size_t)>& read, size_t num_inputs)
      : read_(read), spool_("data"), inputs_(num_inputs), buffer_(1 << 16, '\0') {}

  // False at the end of the stream.
  bool ReadArray(size_t input) {
    std::string head = Take(10);
    if (head.empty()) return false;
    Require(head.size() < 10 ? std::string_view("\x93NUMPY").starts_with(head.substr(0, 6))
                             : IsNpy(head),
            ErrorCode::kBadFile, "no .npy array is where one is needed");
    if (head.size() == 10 && head[6] > 1) head += Take(2);
    const auto byte = [&](size_t i) { return size_t{static_cast<uint8_t>(head[i])}; };
    Require(head.size() >= 10 && head.size() == (head[6] > 1 ? 12u : 10u), ErrorCode::kBadFile,
            "a .npy array is cut off in its header");
    size_t length = byte(8) | byte(9) << 8;
    if (head[6] > 1) length |= byte(10) << 16 | byte(11) << 24;
    Require(length <= kMostArrayHeaderBytes, ErrorCode::kBadFile, "a .npy array has a header of ",
            length, " bytes");
    head += Take(length);
    // The padding makes 12 bytes of the shortest header.
    const ArrayLayout layout = ParseNpyHeader(head, std::numeric_limits<int64_t>::max());
    AddPiece(layout, &inputs_[input]);
    Spool(layout.shape.num_elements() * SizeOf(layout.dtype));
    return true;
  }

  int64_t rows(size_t input) const { return inputs_[input].rows; }

  std::vector<std::unique_ptr<RowSource>> Finish() {
    const std::shared_ptr<RowFile> file = spool_.Finish();
    std::vector<std::unique_ptr<RowSource>> sources;
    for (Pieces& pieces : inputs_) {
      sources.push_back(std::make_unique<SpooledRows>(file, std::move(pieces)));
    }
    return sources;
  }

 private:
  // Fewer bytes only at the end of the stream.
  std::string Take(size_t count) {
    std::string bytes(count, '\0');
    size_t have = 0;
    while (have < count) {
      const size_t got = read_(bytes.data() + have, count - have);
      if (got == 0) break;
      have += got;
    }
    bytes.resize(have);
    return bytes;
  }

  void AddPiece(const ArrayLayout& layout, Pieces* pieces) {
    Require(layout.shape.rank() > 0 && layout.shape[0] > 0, ErrorCode::kBadFile,
            "an array of the shape ", layout.shape.ToString(), " holds no samples");
    if (pieces->offsets.empty()) pieces->layout = layout;
    Shape expected = pieces->layout.shape;
    Require(expected.rank() == layout.shape.rank(), ErrorCode::kBadFile, "an array has the shape ",
            layout.shape.ToString(), ", the first one ", expected.ToString());
    expected[0] = layout.shape[0];
    Require(layout.dtype == pieces->layout.dtype && layout.shape == expected &&
                layout.big_endian == pieces->layout.big_endian,
            ErrorCode::kBadFile, "an array is ", Name(layout.dtype), " ", layout.shape.ToString(),
            ", the first one ", Name(pieces->layout.dtype), " ", pieces->layout.shape.ToString());
    pieces->offsets.push_back(spool_.size());
    pieces->begins.push_back(pieces->rows);
    Require(layout.shape[0] < std::numeric_limits<int64_t>::max() - pieces->rows,
            ErrorCode::kBadFile, "there are too many samples");
    pieces->rows += layout.shape[0];
  }

  void Spool(uint64_t count) {
    for (uint64_t left = count; left > 0;) {
      const size_t got = read_(buffer_.data(), std::min<uint64_t>(left, buffer_.size()));
      Require(got > 0, ErrorCode::kBadFile, "an array is cut off: it needs ", count,
              " bytes, there are ", count - left);
      spool_.Append(std::string_view(buffer_.data(), got));
      left -= got;
    }
  }

  const std::function<size_t(char*, size_t)>& read_;
  SpoolFile spool_;
  std::vector<Pieces> inputs_;
  std::string buffer_;
};

}  // namespace

std::vector<std::unique_ptr<RowSource>> ReadNpyStream(
    const std::function<size_t(char*, size_t)>& read, const std::vector<InputSpec>& inputs,
    int64_t limit) {
  Require(!inputs.empty(), ErrorCode::kInvalidArgument, "the model has no inputs to feed");
  StreamReader reader(read, inputs.size());
  for (int64_t batch = 0; limit <= 0 || reader.rows(0) < limit; ++batch) {
    ErrorScope scope("batch", std::to_string(batch));
    for (size_t i = 0; i < inputs.size(); ++i) {
      ErrorScope input("input", inputs[i].name);
      if (!reader.ReadArray(i)) {
        Require(i == 0, ErrorCode::kBadFile, "the data ends in the middle of a batch");
        Require(batch > 0, ErrorCode::kBadFile, "there is no data");
        return reader.Finish();
      }
      Require(reader.rows(i) == reader.rows(0), ErrorCode::kBadFile, "has not as many samples as '",
              inputs[0].name, "'");
    }
  }
  return reader.Finish();
}

}  // namespace adze
