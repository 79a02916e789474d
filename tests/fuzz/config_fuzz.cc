#include "adze/config.h"
#include "fuzz/fuzz_reader.h"

// JSON and simplified configs. What is read can be written, and then stays the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<adze::LayerInfo> kLayers = {
      {.name = "c", .op = "Conv2D", .per_channel = true},
      {.name = "m", .op = "MatMul"},
      {.name = "a", .op = "AvgPool", .has_weight = false}};
  return adze::FuzzReader(data, size, [](std::string_view bytes) {
    const std::string once = adze::SerializeConfig(adze::ParseConfig(bytes, kLayers), kLayers);
    std::string twice;
    try {
      twice = adze::SerializeConfig(adze::ParseConfig(once, kLayers), kLayers);
    } catch (const adze::Error& error) {
      adze::MustNot(true, error.what());
    }
    adze::MustNot(once != twice, "a config changed by writing and reading");
  });
}
