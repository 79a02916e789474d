#pragma once

#include <map>
#include <tuple>

#include "export/quantized_layer.h"

namespace adze {

// Layers and tensors that are one value with equal factors share what quantizes it (reference,
// amct-interfaces section 13, item 9).
class SharedQuantizers {
 public:
  // The quantized form of what is read, made by `make()` for the first such input.
  template <typename Make>
  Value Get(const QuantizedInput& input, Make make) {
    const Value data = input.data();
    const Key key{data.node, data.index, input.scale, input.zero_point, input.num_bits};
    auto it = made_.find(key);
    if (it == made_.end()) it = made_.emplace(key, make()).first;
    return it->second;
  }

 private:
  using Key = std::tuple<const Node*, int, float, int32_t, int>;
  std::map<Key, Value> made_;
};

}  // namespace adze
