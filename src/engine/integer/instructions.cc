#include "engine/integer/instructions.h"

#include <spdlog/spdlog.h>

#include "adze/integer.h"

namespace adze {
namespace integer {
namespace {

size_t current = 0;

std::vector<Instructions> Find() {
  std::vector<Instructions> found;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni")) {
    found.push_back(kVnni);
  }
  if (__builtin_cpu_supports("avx2")) found.push_back(kAvx2);
#endif
  found.push_back(kPlain);
  return found;
}

}  // namespace

const std::vector<Instructions>& AvailableInstructions() {
  static const std::vector<Instructions> available = Find();
  return available;
}

const Instructions& CurrentInstructions() { return AvailableInstructions()[current]; }

void UseInstructions(size_t index) {
  Check(index < AvailableInstructions().size(), "no such instructions");
  current = index;
}

}  // namespace integer

std::string IntegerInstructions() { return integer::CurrentInstructions().name; }

}  // namespace adze
