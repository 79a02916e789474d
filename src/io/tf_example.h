#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adze {

// One feature of a tf.Example; `bytes` point into the example.
struct ExampleFeature {
  enum class Kind { kNone, kBytes, kFloats, kInts } kind = Kind::kNone;
  std::vector<std::string_view> bytes = {};
  std::vector<float> floats = {};
  std::vector<int64_t> ints = {};
};

// The feature of this name. kBadFile if the bytes are no tf.Example, if it has no such feature
// (names those it has), or if the feature has more than `most` values.
ExampleFeature FindFeature(std::string_view example, std::string_view name, size_t most);

// The one integer of a feature that holds a class.
int ExampleLabel(std::string_view example, std::string_view name);

}  // namespace adze
