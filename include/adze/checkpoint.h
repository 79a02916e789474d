#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adze/tensor.h"

namespace adze {

// A TensorFlow checkpoint, PREFIX.index and PREFIX.data-?????-of-????? (TensorBundle, "V2"). Only
// the index is held in memory; tensors are read when asked for. Partitioned tensors look whole.
class Checkpoint {
 public:
  // kNotFound if there is no index; kBadFile if it is damaged; kUnsupported for checkpoints of
  // TensorFlow 0.x (one file, "V1") and big-endian ones.
  explicit Checkpoint(const std::filesystem::path& prefix);
  ~Checkpoint();
  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;

  const std::filesystem::path& prefix() const;
  bool Contains(const std::string& key) const;
  // Element type and shape of every tensor, by key.
  std::map<std::string, TensorSpec> tensors() const;
  // The elements, checked against their CRC. kNotFound lists near keys; kBadFile if the data file
  // is missing, short or damaged.
  Tensor Read(const std::string& key) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The prefix of the newest checkpoint of a folder, as its file "checkpoint" says; empty if the
// folder has none.
std::filesystem::path LatestCheckpoint(const std::filesystem::path& folder);

}  // namespace adze
