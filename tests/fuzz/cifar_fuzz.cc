#include <unistd.h>

#include "fuzz/fuzz_reader.h"
#include "io/row_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = "cifar_fuzz." + std::to_string(getpid());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  adze::MustNot(!file || std::fwrite(data, 1, size, file) != size, "cannot write a file");
  std::fclose(file);
  for (const int label_bytes : {1, 2}) {
    adze::FuzzReader(data, size, [&](std::string_view) {
      const auto rows = adze::OpenCifar(path, label_bytes);
      rows->Read(0, rows->num_rows());
      rows->Label(rows->num_rows() - 1);
    });
  }
  unlink(path.c_str());
  return 0;
}
