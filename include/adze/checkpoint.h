#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adze/graph.h"
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

// Writes PREFIX.index and PREFIX.data-00000-of-00001, both or on an error none. kUnsupported for
// tensors of resources and variants.
void WriteCheckpoint(const std::filesystem::path& prefix,
                     const std::map<std::string, Tensor>& tensors);

// The same with PREFIX.meta and the folder's file "checkpoint": the graph as tf.train.Saver leaves
// it, for tf.train.import_meta_graph(PREFIX.meta) and restore(PREFIX) in a training script. Float
// constants of one or more dimensions become variables of their names; those that batch norm
// gathers itself (mean and variance) are not trainable. The outputs of the graph are kept as the
// signature "serving_default".
void WriteTrainingCheckpoint(const std::filesystem::path& prefix, const Graph& graph);

// The prefix of the newest checkpoint of a folder, as its file "checkpoint" says; empty if the
// folder has none.
std::filesystem::path LatestCheckpoint(const std::filesystem::path& folder);

}  // namespace adze
