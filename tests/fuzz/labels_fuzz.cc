#include "fuzz/fuzz_reader.h"
#include "io/labels.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) { adze::ParseLabels(bytes); });
}
