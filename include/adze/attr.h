#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "adze/tensor.h"

namespace adze {

// An attribute this library does not interpret (functions, placeholders, future kinds): only its
// wire bytes are kept.
struct OpaqueAttr {
  friend bool operator==(const OpaqueAttr&, const OpaqueAttr&) = default;
};

// Value of a node's attribute. `wire` is the serialized AttrValue it was read from, kept only where
// writing `value` anew would give other bytes (a "last value repeats" tensor, an unknown kind), so
// that a graph survives reading and writing unchanged. It is not part of the value; to change an
// attribute replace the whole Attr.
struct Attr {
  using Value = std::variant<OpaqueAttr, int64_t, float, bool, std::string, DType, Shape, Tensor,
                             std::vector<int64_t>, std::vector<float>, std::vector<std::string>,
                             std::vector<DType>, std::vector<Shape>, std::vector<bool>>;
  Value value;
  std::shared_ptr<const std::string> wire = nullptr;

  Attr() = default;
  template <typename T>
  requires(!std::is_same_v<std::decay_t<T>, Attr> && std::is_constructible_v<Value, T>) Attr(T v)
      : value(std::move(v)) {}
  Attr(int v) : value(static_cast<int64_t>(v)) {}
  Attr(const char* v) : value(std::string(v)) {}
};

using AttrMap = std::map<std::string, Attr, std::less<>>;

}  // namespace adze
