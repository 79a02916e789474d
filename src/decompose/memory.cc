#include "decompose/memory.h"

#include <fstream>
#include <limits>
#include <string>

#include "adze/error.h"

namespace adze {

int64_t AvailableMemory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("MemAvailable:")) return std::stoll(line.substr(13)) * 1024;
  }
  return std::numeric_limits<int64_t>::max();
}

void RequireMemory(int64_t bytes, int64_t available) {
  const auto gib = [](int64_t n) { return (n / 1024 / 1024 + 1) / 1024.0; };
  Require(bytes <= available, ErrorCode::kInvalidArgument, "the kernel's decomposition needs ",
          gib(bytes), " GiB of memory, ", gib(available), " GiB are available");
}

}  // namespace adze
