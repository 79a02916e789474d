#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "adze/error.h"
#include "adze/integer.h"

namespace adze {
namespace {

// The program's log. spdlog's own, where the program has set none, would write between its results
// on standard output.
spdlog::logger& Log() {
  static const std::shared_ptr<spdlog::logger> fallback = spdlog::stderr_color_mt("adze_runtime");
  spdlog::logger* log = spdlog::default_logger_raw();
  return log->name().empty() ? *fallback : *log;
}

}  // namespace

bool IsDeployable(const Graph& graph) {
  const std::vector<Node*> nodes = graph.nodes();
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const Node* node) { return node->op() == "AscendQuant"; });
}

void CheckDeployable(const Graph& graph) {
  Require(IsDeployable(graph), ErrorCode::kInvalidArgument,
          "it has no AscendQuant, so there is nothing to run on integers; give the "
          "PREFIX_quantized.pb that `adze quantize` writes");
}

void WarnOfSimulated(const IntegerGraph& lowered) {
  for (const LoweredLayer& layer : lowered.layers) {
    if (layer.reason.empty()) continue;
    Log().warn("layer '{}' is simulated in float32: {}", layer.name, layer.reason);
  }
  if (IntegerInstructions() != "AVX512-VNNI") {
    Log().warn("integers run with {}, more slowly than with AVX512-VNNI", IntegerInstructions());
  }
}

}  // namespace adze
