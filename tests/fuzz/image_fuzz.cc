#include "adze/dataset.h"
#include "fuzz/fuzz_reader.h"

// JPEG and PNG.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) {
    adze::ResizeBilinear(adze::DecodeImage(bytes), 8, 8);
  });
}
