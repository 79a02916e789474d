#include "adze/checkpoint.h"

#include <fmt/format.h>

#include <fstream>

#include "adze/error.h"
#include "adze/file.h"
#include "adze/near_names.h"
#include "io/attr_codec.h"
#include "io/tensor_bundle.h"

namespace adze {
namespace {

namespace fs = std::filesystem;

std::string ReadRange(const fs::path& path, int64_t offset, int64_t size) {
  ErrorScope scope("file", path.string());
  std::error_code error;
  const uint64_t file_size = fs::file_size(path, error);
  Require(!error, ErrorCode::kNotFound, "cannot be opened: ", error.message(),
          "; a checkpoint needs all of its data files beside its index");
  Require(static_cast<uint64_t>(offset) <= file_size &&
              static_cast<uint64_t>(size) <= file_size - offset,
          ErrorCode::kBadFile, "has ", file_size, " bytes, the index names bytes up to ",
          static_cast<uint64_t>(offset) + size, "; the file is cut off, copy it anew");
  std::ifstream file(path, std::ios::binary);
  std::string bytes(size, '\0');
  file.seekg(offset);
  file.read(bytes.data(), size);
  Require(file.good() || size == 0, ErrorCode::kBadFile, "cannot be read");
  return bytes;
}

void CopyPart(const Tensor& part, const std::vector<SliceExtent>& extents, Tensor& whole) {
  const size_t element = SizeOf(whole.dtype());
  const auto* from = static_cast<const char*>(part.raw());
  auto* to = static_cast<char*>(whole.mutable_raw());
  ForEachRun(extents, whole.shape(), [&](int64_t at_part, int64_t at_whole, int64_t count) {
    std::copy_n(from + at_part * element, count * element, to + at_whole * element);
  });
}

}  // namespace

struct Checkpoint::Impl {
  fs::path prefix;
  BundleIndex index;

  fs::path Shard(int shard) const {
    return prefix.string() + fmt::format(".data-{:05}-of-{:05}", shard, index.num_shards);
  }

  Tensor ReadEntry(const proto::BundleEntryProto& entry) const {
    const fs::path path = Shard(entry.shard_id());
    std::string bytes = ReadRange(path, entry.offset(), entry.size());
    ErrorScope scope("file", path.string());
    return DecodeBundleTensor(entry, std::move(bytes));
  }

  Tensor ReadParts(const std::string& key, const proto::BundleEntryProto& entry) const {
    const auto dtype = static_cast<DType>(entry.dtype());
    Require(SizeOf(dtype) > 0, ErrorCode::kUnsupported, "partitioned tensors of ", Name(dtype),
            " are not supported");
    const Shape shape = DecodeShape(entry.shape());
    // Parts are checked before the whole takes memory.
    int64_t covered = 0;
    std::vector<const proto::BundleEntryProto*> parts;
    for (const proto::TensorSliceProto& slice : entry.slices()) {
      auto found = index.entries.find(SliceKey(key, slice));
      Require(found != index.entries.end(), ErrorCode::kBadFile, "a part is not in the index");
      Shape part_shape;
      std::vector<int64_t> dims;
      for (const SliceExtent& extent : ExtentsOf(slice, shape)) dims.push_back(extent.length);
      part_shape = Shape(dims);
      Require(DecodeShape(found->second.shape()) == part_shape &&
                  found->second.dtype() == entry.dtype() && found->second.slices().empty(),
              ErrorCode::kBadFile, "a part is not of the shape ", part_shape.ToString());
      covered += part_shape.num_elements();
      parts.push_back(&found->second);
    }
    Require(covered == shape.num_elements(), ErrorCode::kBadFile, "its parts hold ", covered,
            " elements, the whole has ", shape.num_elements());
    std::vector<Tensor> values;
    for (const proto::BundleEntryProto* part : parts) values.push_back(ReadEntry(*part));
    Tensor whole = Tensor::Zeros(dtype, shape);
    for (size_t i = 0; i < values.size(); ++i) {
      CopyPart(values[i], ExtentsOf(entry.slices(static_cast<int>(i)), shape), whole);
    }
    return whole;
  }
};

Checkpoint::Checkpoint(const fs::path& prefix) : impl_(new Impl{prefix, {}}) {
  const fs::path path = prefix.string() + ".index";
  if (!fs::exists(path)) {
    ErrorScope scope("checkpoint", prefix.string());
    Require(!fs::is_regular_file(prefix), ErrorCode::kUnsupported,
            "is no checkpoint of TensorFlow 1.0 or later (there is no '", path.string(),
            "'); restore and save it with tf.train.Saver once");
    const std::string near = DidYouMeanFile(prefix);
    throw Error(
        ErrorCode::kNotFound,
        "there is no '" + path.string() + "'" +
            (near.empty() ? "; a checkpoint needs its index, and is named without its endings, "
                            "e.g. train/model-1000"
                          : near));
  }
  const std::string bytes = ReadFile(path);
  ErrorScope scope("file", path.string());
  impl_->index = ParseBundleIndex(bytes);
}

Checkpoint::~Checkpoint() = default;
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;

const fs::path& Checkpoint::prefix() const { return impl_->prefix; }

bool Checkpoint::Contains(const std::string& key) const {
  return impl_->index.entries.contains(key);
}

std::map<std::string, TensorSpec> Checkpoint::tensors() const {
  std::map<std::string, TensorSpec> specs;
  for (const auto& [key, entry] : impl_->index.entries) {
    if (key.starts_with('\0')) continue;  // a part of a partitioned tensor
    specs[key] = {static_cast<DType>(entry.dtype()), DecodeShape(entry.shape())};
  }
  return specs;
}

Tensor Checkpoint::Read(const std::string& key) const {
  ErrorScope scope("checkpoint", impl_->prefix.string());
  auto found = impl_->index.entries.find(key);
  if (found == impl_->index.entries.end()) {
    std::vector<std::string> names;
    for (const auto& [name, spec] : tensors()) names.push_back(name);
    throw Error(ErrorCode::kNotFound, "has no tensor '" + key + "'" + DidYouMean(key, names));
  }
  ErrorScope tensor_scope("tensor", key);
  const proto::BundleEntryProto& entry = found->second;
  return entry.slices().empty() ? impl_->ReadEntry(entry) : impl_->ReadParts(key, entry);
}

fs::path LatestCheckpoint(const fs::path& folder) {
  const fs::path path = folder / "checkpoint";
  if (!fs::is_regular_file(path)) return {};
  constexpr uint64_t kMostBytes = 1 << 24;
  const std::string text = ReadFile(path, kMostBytes);
  constexpr std::string_view kKey = "model_checkpoint_path:";
  ErrorScope scope("file", path.string());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(kKey)) continue;
    const size_t open = line.find('"'), close = line.rfind('"');
    Require(open != line.npos && open < close, ErrorCode::kBadFile, "has the line '", line, "'");
    const fs::path named = line.substr(open + 1, close - open - 1);
    return named.is_absolute() && fs::exists(named.string() + ".index")
               ? named
               : folder / (named.is_absolute() ? named.filename() : named);
  }
  return {};
}

}  // namespace adze
