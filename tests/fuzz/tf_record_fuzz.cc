#include <unistd.h>

#include "fuzz/fuzz_reader.h"
#include "io/tf_example.h"
#include "io/tf_record.h"

namespace adze {
namespace {

void ReadExample(std::string_view example) {
  FuzzReader(reinterpret_cast<const uint8_t*>(example.data()), example.size(),
             [](std::string_view bytes) { FindFeature(bytes, "f", 1000); });
  FuzzReader(reinterpret_cast<const uint8_t*>(example.data()), example.size(),
             [](std::string_view bytes) { ExampleLabel(bytes, "label"); });
}

}  // namespace
}  // namespace adze

// The bytes as a file of records, packed or not, and as what is in a record.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  adze::ReadExample(std::string_view(reinterpret_cast<const char*>(data), size));
  static const std::string path = "tf_record_fuzz." + std::to_string(getpid());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  adze::MustNot(!file || std::fwrite(data, 1, size, file) != size, "cannot write a file");
  std::fclose(file);
  const int result = adze::FuzzReader(data, size, [](std::string_view) {
    adze::IsTfRecord(path);
    const auto records = adze::OpenTfRecord(path, 1000);
    for (int64_t i = 0; i < records->size(); ++i) adze::ReadExample(records->Read(i));
  });
  unlink(path.c_str());
  return result;
}
