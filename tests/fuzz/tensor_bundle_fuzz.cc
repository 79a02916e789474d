#include "fuzz/fuzz_reader.h"
#include "io/tensor_bundle.h"

// A checkpoint's index, and its tensors as if the index were the data file too. Checksums would
// keep nearly every change from what is behind them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) {
    const adze::BundleIndex index = adze::ParseBundleIndex(bytes, {.check_sums = false});
    for (const auto& [key, entry] : index.entries) {
      for (const auto& slice : entry.slices()) adze::SliceKey(key, slice);
      const auto offset = static_cast<uint64_t>(entry.offset());
      const auto length = static_cast<uint64_t>(entry.size());
      if (offset > bytes.size() || length > bytes.size() - offset) continue;
      try {
        adze::DecodeBundleTensor(entry, std::string(bytes.substr(offset, length)));
      } catch (const adze::Error& error) {
        adze::MustNot(error.code() == adze::ErrorCode::kInternal, error.what());
      }
    }
  });
}
