#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adze/session.h"
#include "engine/kernel.h"

namespace adze {

constexpr int64_t kCacheBytes = 1 << 20;  // that a core may hold for itself

// Where the elements of a value lie during a run.
struct Buffer {
  enum class Place { kArena, kFeed, kConstant };
  Place place = Place::kArena;
  size_t offset = 0;  // kArena
  size_t bytes = 0;
  std::string feed;  // kFeed: FeedName of the value
  Tensor constant;   // kConstant
};

// Under which a value is fed: of output 0 the name of its node, of others with ":1" and so on.
std::string FeedName(Value value);

// A value that a probe or the caller sees.
struct NamedBuffer {
  Value value;
  TensorSpec spec;
  int buffer = -1;
};

struct Step {
  std::unique_ptr<Kernel> kernel;    // null: only shows `probed`
  std::vector<int> inputs, outputs;  // buffers
  int scratch = -1;                  // buffer
  int copied = -1;                   // buffer whose elements output 0 holds on entry
  std::vector<NamedBuffer> probed;   // what the probe sees after this step
};

struct CutValue {
  Value value;
  TensorSpec spec;
};

// A graph compiled for one set of feed shapes.
struct Program {
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::vector<NamedBuffer> probed_first;  // feeds and constants that the probe wants
  std::vector<NamedBuffer> fetches;
  size_t arena_bytes = 0;
  // What the later part reads of the earlier one, if the program were cut where the weights that
  // follow outweigh the data by most. Empty: nowhere by more than a core's cache holds.
  std::vector<CutValue> cut;

  // Writes the fetched values to `results`, tensors of their types and shapes.
  void Run(const std::map<std::string, Tensor>& feeds, char* arena, Probe* probe,
           std::span<Tensor> results) const;
  // Fetched tensors, in memory of their own.
  std::vector<Tensor> Run(const std::map<std::string, Tensor>& feeds, char* arena,
                          Probe* probe) const;
};

}  // namespace adze
