#include "adze/limit_spinning.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace adze {

void LimitSpinning(char** argv) {
  constexpr const char* kTurns = "3000";
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  std::error_code none;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", none);
  if (none) return;
  setenv("GOMP_SPINCOUNT", kTurns, /*overwrite=*/0);
  execv(self.c_str(), argv);  // returns if that is not possible, and all goes on as it was
}

}  // namespace adze
