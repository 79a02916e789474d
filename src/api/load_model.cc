#include <spdlog/spdlog.h>

#include <algorithm>

#include "adze/api.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "api/read_model.h"

namespace adze {

Graph LoadModel(const ModelSource& source) {
  Graph graph = ReadModel(source);
  ErrorScope scope("file", source.path.string());
  for (const auto& [name, shape] : source.input_shapes) {
    Node* node = graph.FindValue(name).node;
    Require(node->op() == "Placeholder" || node->op() == "PlaceholderWithDefault",
            ErrorCode::kInvalidArgument, "'", name, "' is not an input of the graph but a ",
            node->op());
    node->SetAttr("shape", shape);
  }
  return graph;
}

std::vector<std::string> PrepareModel(Graph& graph, const Config& config) {
  if (!config.do_fusion) {
    // Everything that is not fusion still has to happen: layers keep their batch norms by name.
    PassOptions options{config.skip_fusion_layers};
    for (const Node* node : graph.nodes()) {
      if (node->def() && node->def()->quant) options.skip_fusion_layers.push_back(node->name());
    }
    return RunPasses(graph, PreparePipeline(), options);
  }
  return RunPasses(graph, PreparePipeline(), {config.skip_fusion_layers});
}

std::vector<InputSpec> ModelInputs(const Graph& graph, const ModelSource& source) {
  std::vector<InputSpec> inputs;
  for (Node* node : graph.Placeholders()) {
    if (graph.Uses(*node).empty() || node->op() == "PlaceholderWithDefault") continue;
    ErrorScope scope("input", node->name());
    inputs.push_back({node->name(), node->attr<DType>("dtype"),
                      node->attr<Shape>("shape", Shape::UnknownRank())});
  }
  ErrorScope scope("file", source.path.string());
  Require(!inputs.empty(), ErrorCode::kBadFile, "the graph has no input (Placeholder)");
  return inputs;
}

}  // namespace adze
