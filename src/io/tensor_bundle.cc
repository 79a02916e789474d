#include "io/tensor_bundle.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "io/attr_codec.h"

namespace adze {
namespace {

// TensorFlow's OrderedCode: numbers and texts as bytes that sort as they do.
void AppendNumber(std::string& key, uint64_t number) {
  std::string digits;
  for (; number > 0; number >>= 8) digits.insert(digits.begin(), static_cast<char>(number & 255));
  key += static_cast<char>(digits.size());
  key += digits;
}

void AppendText(std::string& key, const std::string& text) {
  for (const char c : text) {
    key += c;
    if (c == '\0') key += '\xff';
    if (c == '\xff') key += '\0';
  }
  key += std::string("\0\1", 2);
}

// One byte for -64..63. Beyond, the big-endian bytes of the number; leading one bits of the first
// say how many bytes follow, and the sign flips all of them and the first bit.
void AppendSigned(std::string& key, int64_t number) {
  const uint64_t magnitude = number < 0 ? ~static_cast<uint64_t>(number) : number;
  int length = 1;
  while (length < 10 && length * 7 - 1 < 64 && magnitude >> (length * 7 - 1)) ++length;
  std::string bytes(10, number < 0 ? '\xff' : '\0');
  for (int i = 0; i < 8; ++i) {
    bytes[9 - i] = static_cast<char>(static_cast<uint64_t>(number) >> (8 * i));
  }
  bytes = bytes.substr(10 - length);
  // Header: `length` one bits, then a zero bit; they begin in the first byte.
  unsigned char header[2] = {0, 0};
  for (int i = 0; i < length; ++i) header[i / 8] |= static_cast<unsigned char>(0x80 >> (i % 8));
  for (int i = 0; i < 2 && i < length; ++i) bytes[i] = static_cast<char>(bytes[i] ^ header[i]);
  key += bytes;
}

void CheckEntry(const proto::BundleEntryProto& entry, int num_shards) {
  const Shape shape = DecodeShape(entry.shape());
  Require(shape.IsFullyKnown(), ErrorCode::kBadFile, "has the unknown shape ", shape.ToString());
  const int64_t count = shape.num_elements();
  for (const proto::TensorSliceProto& slice : entry.slices()) ExtentsOf(slice, shape);
  if (!entry.slices().empty()) return;
  Require(entry.shard_id() >= 0 && entry.shard_id() < num_shards, ErrorCode::kBadFile,
          "is in data file ", entry.shard_id(), " of ", num_shards);
  Require(entry.offset() >= 0 && entry.size() >= 0, ErrorCode::kBadFile,
          "has a negative offset or size");
  const size_t element = SizeOf(static_cast<DType>(entry.dtype()));
  if (element == 0) return;
  Require(static_cast<uint64_t>(entry.size()) == count * element, ErrorCode::kBadFile, "has ",
          entry.size(), " bytes, ", Name(static_cast<DType>(entry.dtype())), " ", shape.ToString(),
          " needs ", count * element);
}

uint64_t TakeLength(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    Require(!bytes.empty(), ErrorCode::kBadFile, "its strings are cut off");
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 127u} << shift;
    if (byte < 128) return value;
  }
  throw Error(ErrorCode::kBadFile, "a string's length does not fit 64 bits");
}

// A length as the checksum takes it: 4 bytes, 8 above 4 GiB.
uint32_t ExtendByLength(uint32_t crc, uint64_t length) {
  char raw[8];
  for (int i = 0; i < 8; ++i) raw[i] = static_cast<char>(length >> (8 * i));
  return Crc32c({raw, length > UINT32_MAX ? size_t{8} : size_t{4}}, crc);
}

// Strings are stored as all lengths (varints), a checksum of the lengths, all characters. The
// entry's checksum goes over the lengths as numbers, then over the rest as stored.
Tensor DecodeStrings(const proto::BundleEntryProto& entry, Shape shape, std::string_view bytes) {
  const int64_t count = shape.num_elements();
  Require(count <= static_cast<int64_t>(bytes.size()), ErrorCode::kBadFile, "has ", bytes.size(),
          " bytes, too few for ", count, " strings");
  std::vector<uint64_t> lengths(count);
  uint32_t crc = 0;
  for (uint64_t& length : lengths) {
    length = TakeLength(bytes);
    crc = ExtendByLength(crc, length);
  }
  Require(bytes.size() >= 4, ErrorCode::kBadFile, "its strings are cut off");
  crc = Crc32c(bytes, crc);
  Require(MaskedCrc32c({}, crc) == entry.crc32c(), ErrorCode::kBadFile,
          "its checksum does not fit; the data file is damaged, copy it anew");
  bytes.remove_prefix(4);
  std::vector<std::string> strings;
  for (const uint64_t length : lengths) {
    Require(length <= bytes.size(), ErrorCode::kBadFile, "its strings are cut off");
    strings.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return Tensor::FromStrings(std::move(shape), std::move(strings));
}

}  // namespace

BundleIndex ParseBundleIndex(std::string_view bytes, const SsTableOptions& options) {
  const google::protobuf::LogSilencer silencer;  // what is wrong is said by an Error
  BundleIndex index;
  bool header = false;
  for (auto& [key, value] : ReadSsTable(bytes, options)) {
    if (key.empty()) {
      proto::BundleHeaderProto message;
      Require(message.ParseFromString(value), ErrorCode::kBadFile, "has no readable header");
      Require(message.endianness() == proto::BundleHeaderProto::LITTLE, ErrorCode::kUnsupported,
              "was written on a big-endian machine");
      Require(message.version().min_consumer() <= 1, ErrorCode::kUnsupported,
              "needs a newer reader (version ", message.version().min_consumer(), ")");
      Require(message.num_shards() >= 1, ErrorCode::kBadFile, "has ", message.num_shards(),
              " data files");
      index.num_shards = message.num_shards();
      header = true;
      continue;
    }
    Require(header, ErrorCode::kBadFile, "has no header; is it the index of a checkpoint?");
    ErrorScope scope("tensor", key);
    proto::BundleEntryProto entry;
    Require(entry.ParseFromString(value), ErrorCode::kBadFile, "its entry is damaged");
    CheckEntry(entry, index.num_shards);
    index.entries.emplace(std::move(key), std::move(entry));
  }
  Require(header, ErrorCode::kBadFile, "has no header; is it the index of a checkpoint?");
  return index;
}

Tensor DecodeBundleTensor(const proto::BundleEntryProto& entry, std::string bytes) {
  const auto dtype = static_cast<DType>(entry.dtype());
  Shape shape = DecodeShape(entry.shape());
  if (dtype == DType::kString) return DecodeStrings(entry, std::move(shape), bytes);
  const size_t element = SizeOf(dtype);
  Require(element > 0, ErrorCode::kUnsupported, "tensors of ", Name(dtype), " are not supported");
  Require(bytes.size() == shape.num_elements() * element, ErrorCode::kBadFile, "has ", bytes.size(),
          " bytes, needs ", shape.num_elements() * element);
  Require(MaskedCrc32c(bytes) == entry.crc32c(), ErrorCode::kBadFile,
          "its checksum does not fit; the data file is damaged, copy it anew");
  if (dtype == DType::kBool) {
    const bool valid =
        std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0 || c == 1; });
    Require(valid, ErrorCode::kBadFile, "holds bools other than 0 and 1");
  }
  Tensor tensor(dtype, std::move(shape));
  std::memcpy(tensor.mutable_raw(), bytes.data(), bytes.size());
  return tensor;
}

std::string EncodeBundleTensor(const Tensor& tensor, uint32_t* crc) {
  if (tensor.dtype() != DType::kString) {
    Require(SizeOf(tensor.dtype()) > 0, ErrorCode::kUnsupported, "tensors of ",
            Name(tensor.dtype()), " cannot be stored in a checkpoint");
    std::string bytes(static_cast<const char*>(tensor.raw()), tensor.num_bytes());
    *crc = MaskedCrc32c(bytes);
    return bytes;
  }
  std::string bytes;
  uint32_t running = 0;
  for (const std::string& text : tensor.strings()) {
    uint64_t length = text.size();
    running = ExtendByLength(running, length);
    for (; length >= 128; length >>= 7) bytes += static_cast<char>(length | 128);
    bytes += static_cast<char>(length);
  }
  const size_t after_lengths = bytes.size();
  const uint32_t lengths_crc = MaskedCrc32c({}, running);
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(lengths_crc >> (8 * i));
  for (const std::string& text : tensor.strings()) bytes += text;
  *crc = MaskedCrc32c(std::string_view(bytes).substr(after_lengths), running);
  return bytes;
}

std::vector<SliceExtent> ExtentsOf(const proto::TensorSliceProto& slice, const Shape& whole) {
  Require(slice.extent_size() == whole.rank(), ErrorCode::kBadFile, "a part of ",
          slice.extent_size(), " dimensions, the whole is ", whole.ToString());
  std::vector<SliceExtent> extents;
  for (int axis = 0; axis < whole.rank(); ++axis) {
    const proto::TensorSliceProto::Extent& extent = slice.extent(axis);
    SliceExtent part{extent.start(), whole[axis]};
    if (extent.has_length_case() == proto::TensorSliceProto::Extent::kLength) {
      part.length = extent.length();
    }
    const bool inside = part.begin >= 0 && part.length >= 0 && part.begin <= whole[axis] &&
                        part.length <= whole[axis] - part.begin;
    Require(inside, ErrorCode::kBadFile, "a part reaches over the whole, which is ",
            whole.ToString());
    extents.push_back(part);
  }
  return extents;
}

void ForEachRun(const std::vector<SliceExtent>& extents, const Shape& whole,
                const std::function<void(int64_t, int64_t, int64_t)>& copy) {
  const int rank = whole.rank();
  int64_t count = 1;
  for (const SliceExtent& extent : extents) count *= extent.length;
  if (count == 0) return;
  const int64_t run = rank == 0 ? 1 : extents[rank - 1].length;
  std::vector<int64_t> at(rank, 0);
  for (int64_t done = 0; done < count; done += run) {
    int64_t offset = 0;
    for (int axis = 0; axis < rank; ++axis) {
      offset = offset * whole[axis] + extents[axis].begin + at[axis];
    }
    copy(done, offset, run);
    for (int axis = rank - 2; axis >= 0; --axis) {
      if (++at[axis] < extents[axis].length) break;
      at[axis] = 0;
    }
  }
}

std::string SliceKey(const std::string& name, const proto::TensorSliceProto& slice) {
  constexpr int64_t kWhole = -1;
  std::string key;
  AppendNumber(key, 0);
  AppendText(key, name);
  AppendNumber(key, slice.extent_size());
  for (const proto::TensorSliceProto::Extent& extent : slice.extent()) {
    const bool given = extent.has_length_case() == proto::TensorSliceProto::Extent::kLength;
    AppendSigned(key, extent.start());
    AppendSigned(key, given ? extent.length() : kWhole);
  }
  return key;
}

}  // namespace adze
