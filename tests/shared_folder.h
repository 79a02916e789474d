#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace adze {

// The development data beside the checkout (models, images, conformance cases), or "" where it is
// absent; tests that need it skip then. ADZE_SHARED overrides the place.
inline std::filesystem::path SharedFolder() {
  if (const char* given = std::getenv("ADZE_SHARED")) return given;
  const std::filesystem::path folder = std::filesystem::path(ADZE_SOURCE_DIR) / "../shared";
  return std::filesystem::exists(folder / "models") ? folder : std::filesystem::path();
}

// The frozen graph of a model: ResNet-50 is made by a tool into a cache, the others are in the
// folder.
inline std::filesystem::path SharedModelFile(const std::string& model) {
  const auto path = SharedFolder() / "models" / model / "model.pb";
  const char* home = std::getenv("HOME");
  if (std::filesystem::exists(path) || !home) return path;
  return std::filesystem::path(home) / ".cache/adze" / (model + ".pb");
}

#define ADZE_NEED_SHARED()            \
  if (::adze::SharedFolder().empty()) \
  GTEST_SKIP() << "the shared development data is absent (set ADZE_SHARED to its folder)"

}  // namespace adze
