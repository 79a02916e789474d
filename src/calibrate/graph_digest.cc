#include <bit>
#include <cstdio>
#include <type_traits>

#include "adze/content_hash.h"
#include "adze/statistics.h"

namespace adze {
namespace {

void AddTo(ContentHash& hash, const std::string& text) { hash.Add(text); }
void AddTo(ContentHash& hash, int64_t value) { hash.Add(static_cast<uint64_t>(value)); }
void AddTo(ContentHash& hash, bool value) { hash.Add(uint64_t{value}); }
void AddTo(ContentHash& hash, float value) { hash.Add(uint64_t{std::bit_cast<uint32_t>(value)}); }
void AddTo(ContentHash& hash, DType value) { hash.Add(static_cast<uint64_t>(value)); }
void AddTo(ContentHash& hash, const Shape& shape) { hash.Add(shape.ToString()); }

void AddTo(ContentHash& hash, const Tensor& tensor) {
  AddTo(hash, tensor.dtype());
  AddTo(hash, tensor.shape());
  if (tensor.dtype() == DType::kString) {
    for (const std::string& text : tensor.strings()) hash.Add(text);
  } else {
    hash.Add(std::string_view(static_cast<const char*>(tensor.raw()), tensor.num_bytes()));
  }
}

template <typename T>
void AddTo(ContentHash& hash, const std::vector<T>& values) {
  hash.Add(uint64_t{values.size()});
  for (const auto& value : values) AddTo(hash, static_cast<const T&>(value));
}

void AddTo(ContentHash& hash, const Attr& attr) {
  hash.Add(uint64_t{attr.value.index()});
  std::visit(
      [&](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, OpaqueAttr>) {
          if (attr.wire) hash.Add(*attr.wire);
        } else {
          AddTo(hash, value);
        }
      },
      attr.value);
}

}  // namespace

std::string GraphDigest(const Graph& graph) {
  ContentHash hash;
  for (const Node* node : graph.TopologicalOrder()) {
    hash.Add(node->name());
    hash.Add(node->op());
    hash.Add(uint64_t{node->inputs().size()});
    for (Value input : node->inputs()) hash.Add(ToString(input));
    hash.Add(uint64_t{node->attrs().size()});
    for (const auto& [name, attr] : node->attrs()) {
      hash.Add(name);
      AddTo(hash, attr);
    }
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash.value()));
  return text;
}

}  // namespace adze
