#pragma once

#include <filesystem>

namespace adze {

// The example model of the repository: image [?, 28, 28, 1] to probabilities [?, 10].
inline std::filesystem::path ExampleModel() {
  return std::filesystem::path(ADZE_SOURCE_DIR) / "examples/fashion_mnist/fashion_mnist.pb";
}

}  // namespace adze
