#include "decompose/memory.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "adze/error.h"

namespace adze {

int64_t AvailableMemory() {
  int64_t available = std::numeric_limits<int64_t>::max();
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("MemAvailable:")) available = std::stoll(line.substr(13)) * 1024;
  }
  rlimit limit{};
  int64_t pages = 0;  // of virtual memory
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      std::ifstream("/proc/self/statm") >> pages) {
    const int64_t left = static_cast<int64_t>(limit.rlim_cur) - pages * sysconf(_SC_PAGESIZE);
    available = std::min(available, std::max<int64_t>(left, 0));
  }
  return available;
}

void RequireMemory(int64_t bytes, int64_t available, const std::string& what) {
  const auto gib = [](int64_t n) { return fmt::format("{:.2f} GiB", n / 1024.0 / 1024 / 1024); };
  Require(bytes <= available, ErrorCode::kInvalidArgument, what, " needs ", gib(bytes),
          " of memory, ", gib(available), " are available");
}

}  // namespace adze
