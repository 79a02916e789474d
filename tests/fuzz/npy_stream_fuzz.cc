#include <algorithm>

#include "fuzz/fuzz_reader.h"
#include "io/npy_stream.h"

// What a command may write, for two inputs.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) {
    const auto read = [&](char* out, size_t count) {
      const std::string_view piece = bytes.substr(0, count);
      std::copy(piece.begin(), piece.end(), out);
      bytes.remove_prefix(piece.size());
      return piece.size();
    };
    for (const auto& rows : adze::ReadNpyStream(read, {{.name = "x"}, {.name = "y"}}, 1000)) {
      rows->Read(0, std::min<int64_t>(rows->num_rows(), 100));
    }
  });
}
