#include "adze/tensor_key.h"

#include <charconv>

namespace adze {

std::string ToString(const TensorKey& key) { return key.node + ":" + std::to_string(key.input); }

std::optional<TensorKey> ParseTensorKey(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  TensorKey key{std::string(text.substr(0, colon))};
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data() + colon + 1, end, key.input);
  if (error != std::errc() || read != end || key.input < 0) return std::nullopt;
  return key;
}

}  // namespace adze
