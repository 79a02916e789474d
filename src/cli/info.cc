#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "adze/op.h"
#include "cli/command.h"
#include "cli/support/options.h"
#include "cli/support/table.h"

namespace adze {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  ModelFlags model;
  bool json = false;
};

std::map<std::string, int> CountOps(const Graph& graph) {
  std::map<std::string, int> counts;
  for (const Node* node : graph.nodes()) ++counts[node->op()];
  return counts;
}

void Run(const Flags& flags) {
  const ModelSource source = ToModelSource(flags.model);
  Graph graph = LoadModel(source);
  const std::vector<InputSpec> inputs = ModelInputs(graph, source);
  const ShapeMap shapes = InferShapes(graph);
  const std::map<std::string, int> ops = CountOps(graph);
  Json json;
  for (const InputSpec& input : inputs) {
    json["inputs"].push_back(
        {{"name", input.name}, {"dtype", Name(input.dtype)}, {"shape", input.shape.ToString()}});
  }
  for (const GraphOutput& output : graph.outputs()) {
    const TensorSpec& spec = shapes[output.value];
    json["outputs"].push_back(
        {{"name", output.name}, {"dtype", Name(spec.dtype)}, {"shape", spec.shape.ToString()}});
  }
  json["ops"] = ops;
  for (const auto& [op, count] : ops) {
    for (const Node* node : graph.nodes()) {
      if (node->op() == op && !node->def()) {
        json["unknown_ops"].push_back(op);
        break;
      }
    }
  }
  PrepareModel(graph);
  json["layers"] = Json::array();
  for (const PlannedLayer& layer : MakePlan(graph, {}).layers) {
    json["layers"].push_back({{"name", layer.name()},
                              {"op", layer.node->op()},
                              {"quantizable", layer.skip_reason.empty()},
                              {"reason", layer.skip_reason}});
  }
  if (flags.json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  auto text = [](const Json& value) { return value.get<std::string>(); };
  for (const char* kind : {"inputs", "outputs"}) {
    for (const Json& value : json[kind]) {
      fmt::print("{:<8} {}  {} {}\n", std::string(kind).substr(0, std::string(kind).size() - 1),
                 text(value["name"]), text(value["dtype"]), text(value["shape"]));
    }
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [op, count] : ops) rows.push_back({op, std::to_string(count)});
  fmt::print("\n{}", FormatTable({"op", "count"}, rows));
  if (json.contains("unknown_ops")) {
    fmt::print("\nops that adze does not know: {}\n", json["unknown_ops"].dump());
  }
  rows.clear();
  for (const Json& layer : json["layers"]) {
    rows.push_back({text(layer["name"]), text(layer["op"]),
                    layer["quantizable"] ? "yes" : "no: " + text(layer["reason"])});
  }
  fmt::print("\n{}", FormatTable({"layer", "op", "quantizable"}, rows, {0, 1, 2}));
}

}  // namespace

void register_info(CommandRegistry& commands) {
  commands.Add({.name = "info",
                .summary = "Inputs, outputs, ops and quantizable layers of a model",
                .examples = "  adze info model.pb\n"
                            "  adze info model.pb --outputs logits --json",
                .declare = [](CLI::App& app) {
                  auto flags = std::make_shared<Flags>();
                  AddModelFlags(app, flags->model);
                  app.add_flag("--json", flags->json, "Print JSON");
                  app.callback([flags] { Run(*flags); });
                }});
}

}  // namespace adze
