#pragma once

#include <map>
#include <string>

#include "adze/tensor.h"
#include "io/tensor_bundle.h"

namespace adze {

// Contents of PREFIX.index and PREFIX.data-00000-of-00001.
struct CheckpointFiles {
  std::string index, data;
};
CheckpointFiles EncodeCheckpoint(const std::map<std::string, Tensor>& tensors);

}  // namespace adze
