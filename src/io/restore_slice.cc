#include "io/restore_slice.h"

#include <cstring>
#include <sstream>

#include "io/tensor_bundle.h"

namespace adze {
namespace {

[[noreturn]] void ThrowBadSlice(const std::string& slice) {
  throw Error(ErrorCode::kBadFile,
              "the part '" + slice + "' is not of the form 'dims start,length:...'");
}

}  // namespace

Tensor RestoreSlice(const Tensor& whole, const std::string& slice) {
  if (slice.empty()) return whole;
  std::istringstream words(slice);
  std::vector<std::string> parts;
  for (std::string word; words >> word;) parts.push_back(word);
  const int rank = whole.shape().rank();
  if (static_cast<int>(parts.size()) != rank + 1) ThrowBadSlice(slice);
  std::istringstream ranges(parts.back());
  proto::TensorSliceProto message;
  for (std::string range; std::getline(ranges, range, ':');) {
    proto::TensorSliceProto::Extent& extent = *message.add_extent();
    if (range == "-") continue;
    int64_t start = 0, length = 0;
    char comma = 0, more = 0;
    std::istringstream numbers(range);
    if (!(numbers >> start >> comma >> length) || comma != ',' || numbers >> more) {
      ThrowBadSlice(slice);
    }
    extent.set_start(start);
    extent.set_length(length);
  }
  const std::vector<SliceExtent> extents = ExtentsOf(message, whole.shape());
  std::vector<int64_t> dims;
  for (const SliceExtent& extent : extents) dims.push_back(extent.length);
  Tensor part(whole.dtype(), Shape(dims));
  const size_t element = SizeOf(whole.dtype());
  Require(element > 0, ErrorCode::kUnsupported, "parts of ", Name(whole.dtype()),
          " tensors are not supported");
  const auto* from = static_cast<const char*>(whole.raw());
  auto* to = static_cast<char*>(part.mutable_raw());
  ForEachRun(extents, whole.shape(), [&](int64_t at_part, int64_t at_whole, int64_t count) {
    std::memcpy(to + at_part * element, from + at_whole * element, count * element);
  });
  return part;
}

}  // namespace adze
