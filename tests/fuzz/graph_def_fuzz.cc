#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "fuzz/fuzz_reader.h"

// What is read must be written, and then stays the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) {
    const adze::OpRegistry& ops = adze::Builtin<adze::OpRegistry>();
    const std::string once = adze::SerializeGraphDef(adze::ParseGraphDef(bytes, ops));
    if (once.empty()) return;
    std::string twice;
    try {
      twice = adze::SerializeGraphDef(adze::ParseGraphDef(once, ops));
    } catch (const adze::Error& error) {
      adze::MustNot(true, error.what());
    }
    adze::MustNot(once != twice, "a graph changed by writing and reading");
  });
}
