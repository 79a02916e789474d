#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adze/session.h"
#include "engine/kernel.h"

namespace adze {

// Where the elements of a value lie during a run.
struct Buffer {
  enum class Place { kArena, kFeed, kConstant };
  Place place = Place::kArena;
  size_t offset = 0;  // kArena
  size_t bytes = 0;
  std::string feed;  // kFeed: name of the placeholder
  Tensor constant;   // kConstant
};

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

// A graph compiled for one set of feed shapes.
struct Program {
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::vector<NamedBuffer> probed_first;  // feeds and constants that the probe wants
  std::vector<NamedBuffer> fetches;
  size_t arena_bytes = 0;

  // Fetched tensors, in memory of their own.
  std::vector<Tensor> Run(const std::map<std::string, Tensor>& feeds, char* arena,
                          Probe* probe) const;
};

}  // namespace adze
