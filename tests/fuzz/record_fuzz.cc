#include "adze/record.h"
#include "fuzz/fuzz_reader.h"

// What is read can be written, and then stays the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) {
    const std::string once = adze::SerializeRecord(adze::ParseRecord(bytes));
    std::string twice;
    try {
      twice = adze::SerializeRecord(adze::ParseRecord(once));
    } catch (const adze::Error& error) {
      adze::MustNot(true, error.what());
    }
    adze::MustNot(once != twice, "a record changed by writing and reading");
  });
}
