#include "adze/checkpoint.h"
#include "adze/file.h"
#include "io/attr_codec.h"
#include "io/checkpoint_files.h"

namespace adze {

CheckpointFiles EncodeCheckpoint(const std::map<std::string, Tensor>& tensors) {
  proto::BundleHeaderProto header;
  header.set_num_shards(1);
  header.mutable_version()->set_producer(1);
  std::vector<std::pair<std::string, std::string>> index = {{"", header.SerializeAsString()}};
  CheckpointFiles files;
  for (const auto& [key, tensor] : tensors) {
    ErrorScope scope("tensor", key);
    Require(!key.empty(), ErrorCode::kInvalidArgument, "a tensor of a checkpoint needs a name");
    uint32_t crc = 0;
    const std::string bytes = EncodeBundleTensor(tensor, &crc);
    proto::BundleEntryProto entry;
    entry.set_dtype(static_cast<proto::DataType>(tensor.dtype()));
    EncodeShape(tensor.shape(), *entry.mutable_shape());
    entry.set_offset(static_cast<int64_t>(files.data.size()));
    entry.set_size(static_cast<int64_t>(bytes.size()));
    entry.set_crc32c(crc);
    index.emplace_back(key, entry.SerializeAsString());
    files.data += bytes;
  }
  files.index = WriteSsTable(index);
  return files;
}

void WriteCheckpoint(const std::filesystem::path& prefix,
                     const std::map<std::string, Tensor>& tensors) {
  ErrorScope scope("checkpoint", prefix.string());
  const CheckpointFiles files = EncodeCheckpoint(tensors);
  WriteFilesAtomically({{prefix.string() + ".data-00000-of-00001", files.data},
                        {prefix.string() + ".index", files.index}});
}

}  // namespace adze
