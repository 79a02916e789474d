#include <spdlog/spdlog.h>

#include <algorithm>

#include "adze/api.h"

namespace adze {

Graph LoadQuantized(const ModelSource& source) {
  Graph graph = LoadModel(source);
  const std::vector<Node*> nodes = graph.nodes();
  ErrorScope scope("file", source.path.string());
  Require(std::any_of(nodes.begin(), nodes.end(),
                      [](const Node* node) { return node->op() == "AscendQuant"; }),
          ErrorCode::kInvalidArgument,
          "it has no AscendQuant, so there is nothing to run on integers; give the "
          "PREFIX_quantized.pb that `adze quantize` writes");
  return graph;
}

IntegerGraph LoadIntegerModel(const ModelSource& source) {
  IntegerGraph lowered = LowerToIntegers(LoadQuantized(source));
  for (const LoweredLayer& layer : lowered.layers) {
    if (layer.reason.empty()) continue;
    spdlog::warn("layer '{}' is simulated in float32: {}", layer.name, layer.reason);
  }
  if (IntegerInstructions() != "AVX512-VNNI") {
    spdlog::warn("this machine has no AVX512-VNNI; integers run with {}, more slowly",
                 IntegerInstructions());
  }
  return lowered;
}

}  // namespace adze
