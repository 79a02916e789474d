#pragma once

#include <cstdlib>
#include <filesystem>

namespace adze {

// The development data beside the checkout (models, images, conformance cases), or "" where it is
// absent; tests that need it skip then. ADZE_SHARED overrides the place.
inline std::filesystem::path SharedFolder() {
  if (const char* given = std::getenv("ADZE_SHARED")) return given;
  const std::filesystem::path folder = std::filesystem::path(ADZE_SOURCE_DIR) / "../shared";
  return std::filesystem::exists(folder / "models") ? folder : std::filesystem::path();
}

#define ADZE_NEED_SHARED()            \
  if (::adze::SharedFolder().empty()) \
  GTEST_SKIP() << "the shared development data is absent (set ADZE_SHARED to its folder)"

}  // namespace adze
