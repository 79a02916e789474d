#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adze/graph.h"

namespace adze {

// Why a layer's element type keeps it from being quantized: only float32 layers are.
inline std::optional<std::string> RefuseElementType(const Node& node) {
  const DType dtype = node.attr<DType>("T", DType::kFloat);
  if (dtype == DType::kFloat) return std::nullopt;
  return "its element type is " + Name(dtype) + "; only float32 layers are quantized";
}

// The same for layers that must not be dilated.
inline std::optional<std::string> RefuseDilation(const Node& node) {
  for (int64_t dilation : node.attr("dilations", std::vector<int64_t>())) {
    if (dilation != 1) {
      return "its dilation is " + std::to_string(dilation) + "; only 1 is supported";
    }
  }
  return RefuseElementType(node);
}

}  // namespace adze
