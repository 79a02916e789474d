#include "adze/content_hash.h"
#include "adze/statistics.h"
#include "fuzz/fuzz_reader.h"

namespace adze {
namespace {

// What is accepted is written as it was read.
void Read(std::string_view bytes) {
  const std::string written = SerializeStatistics(ParseStatistics(bytes));
  MustNot(SerializeStatistics(ParseStatistics(written)) != written, "not read as it was written");
}

// With the hash that the changed bytes need, so that they reach the reader behind the check.
std::string WithHash(std::string_view bytes) {
  std::string hashed(bytes.substr(0, bytes.size() - sizeof(uint64_t)));
  ContentHash hash;
  hash.Add(hashed);
  for (int i = 0; i < 64; i += 8) hashed.push_back(static_cast<char>(hash.value() >> i));
  return hashed;
}

}  // namespace
}  // namespace adze

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  adze::FuzzReader(data, size, adze::Read);
  if (size < sizeof(uint64_t)) return 0;
  return adze::FuzzReader(data, size,
                          [](std::string_view bytes) { adze::Read(adze::WithHash(bytes)); });
}
