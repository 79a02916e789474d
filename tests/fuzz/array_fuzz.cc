#include "fuzz/fuzz_reader.h"
#include "io/array_layout.h"

// .npy and idx.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) { adze::ParseArray(bytes); });
}
