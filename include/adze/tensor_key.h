#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace adze {

// One input of a node, as record files name it: "block1/add:0".
struct TensorKey {
  std::string node;
  int input = 0;
};
std::string ToString(const TensorKey& key);
// Of such a name; nullopt if it is the name of a node: names of TensorFlow's nodes have no ':'.
std::optional<TensorKey> ParseTensorKey(std::string_view text);

}  // namespace adze
