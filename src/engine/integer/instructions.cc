#include "engine/integer/instructions.h"

#include <cstdlib>

#include "adze/integer.h"

namespace adze {
namespace integer {
namespace {

constexpr const char* kVariable = "ADZE_INSTRUCTIONS";

const Instructions* chosen = nullptr;

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

// Those that the environment asks for, or the best.
const Instructions& Default() {
  const std::vector<Instructions>& available = AvailableInstructions();
  const char* given = std::getenv(kVariable);
  if (!given || !*given) return available[0];
  const std::string key = given;
  std::string keys;
  for (const Instructions& instructions : available) {
    if (key == instructions.key) return instructions;
    keys += (keys.empty() ? "" : ", ") + std::string(instructions.key);
  }
  Require(key != "vnni" && key != "avx2", ErrorCode::kInvalidArgument, kVariable, " is '", key,
          "', but this machine does not have these instructions; it has ", keys);
  throw Error(ErrorCode::kInvalidArgument, std::string(kVariable) + " is '" + key +
                                               "', but must be one of vnni, avx2 and plain");
}

}  // namespace

const std::vector<Instructions>& AvailableInstructions() {
  static const std::vector<Instructions> available = Find();
  return available;
}

const Instructions& CurrentInstructions() {
  static const Instructions& by_default = Default();
  return chosen ? *chosen : by_default;
}

void UseInstructions(const Instructions* instructions) { chosen = instructions; }

}  // namespace integer

std::string IntegerInstructions() { return integer::CurrentInstructions().name; }

}  // namespace adze
