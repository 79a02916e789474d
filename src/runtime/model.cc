#include <optional>

#include "adze/error.h"
#include "adze/graph_def.h"
#include "adze/integer.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/registry.h"
#include "adze/runtime.h"
#include "adze/session.h"

namespace adze {
namespace {

// The part of the file's graph that its outputs need.
Graph ReadGraph(const std::filesystem::path& path, const std::vector<std::string>& outputs) {
  Graph graph = ReadGraphDef(path, Builtin<OpRegistry>());
  ErrorScope scope("file", path.string());
  graph.SetOutputs(outputs);
  Require(!graph.outputs().empty(), ErrorCode::kInvalidArgument,
          "no output found; name it in the options");
  graph.Prune();
  return graph;
}

// Placeholders that somebody reads and that have no default.
std::vector<ModelInput> InputsOf(const Graph& graph) {
  std::vector<ModelInput> inputs;
  for (const Node* node : graph.Placeholders()) {
    if (node->op() != "Placeholder" || graph.Uses(*node).empty()) continue;
    inputs.push_back({node->name(), node->attr<DType>("dtype"),
                      node->attr<Shape>("shape", Shape::UnknownRank())});
  }
  return inputs;
}

}  // namespace

// The session refers to the graph, so this does not move.
struct Model::Impl {
  std::optional<IntegerGraph> integers;
  std::optional<Graph> real;
  std::vector<ModelInput> inputs;
  std::vector<std::string> outputs;
  std::optional<Session> session;
};

Model::Model(const std::filesystem::path& path, const ModelOptions& options)
    : impl_(std::make_unique<Impl>()) {
  Graph graph = ReadGraph(path, options.outputs);
  ErrorScope scope("file", path.string());
  if (options.engine == Engine::kInt8) CheckDeployable(graph);
  RunPasses(graph, {"make_channels_last"});  // kernels are made for NHWC
  impl_->inputs = InputsOf(graph);
  for (const GraphOutput& output : graph.outputs()) impl_->outputs.push_back(output.name);
  if (options.engine != Engine::kFloat32 && IsDeployable(graph)) {
    impl_->integers = LowerToIntegers(graph);
    WarnOfSimulated(*impl_->integers);
  } else {
    impl_->real = std::move(graph);
  }
  impl_->session.emplace(impl_->integers ? impl_->integers->graph : *impl_->real,
                         std::vector<Value>(), nullptr,
                         SessionOptions{.num_threads = options.num_threads});
}

Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

const std::vector<ModelInput>& Model::inputs() const { return impl_->inputs; }
const std::vector<std::string>& Model::outputs() const { return impl_->outputs; }
Engine Model::engine() const { return impl_->integers ? Engine::kInt8 : Engine::kFloat32; }
std::vector<Tensor> Model::Run(const std::map<std::string, Tensor>& feeds) {
  return impl_->session->Run(feeds);
}

}  // namespace adze
