#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "adze/graph.h"

namespace adze {

struct ValueHash {
  size_t operator()(Value value) const {
    return std::hash<const Node*>()(value.node) * 31 + value.index;
  }
};

template <typename T>
using ValueMap = std::unordered_map<Value, T, ValueHash>;
using ValueSet = std::unordered_set<Value, ValueHash>;

}  // namespace adze
