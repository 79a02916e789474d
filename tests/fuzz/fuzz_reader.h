#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adze/error.h"

// What libFuzzer and run_seeded.cc call.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace adze {

// Ends the program where `what` must not be.
inline void MustNot(bool wrong, const char* what) {
  if (!wrong) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

// Calls read(bytes). A reader may refuse bytes by an Error of one line that does not blame the
// library, and by nothing else.
template <typename F>
int FuzzReader(const uint8_t* data, size_t size, F read) {
  try {
    read(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const Error& error) {
    const std::string message = error.what();
    MustNot(error.code() == ErrorCode::kInternal, message.c_str());
    MustNot(message.empty() || message.find('\n') != std::string::npos, "message not of one line");
  }
  return 0;
}

}  // namespace adze
