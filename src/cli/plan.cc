#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "cli/command.h"
#include "cli/support/options.h"
#include "cli/support/table.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  PlanFlags plan;
  bool json = false;
};

void Run(const Flags& flags) {
  Graph graph = LoadModel(ToModelSource(flags.model));
  PrepareModel(graph);
  const Plan plan = MakePlan(graph, ToPlanOptions(flags.plan));
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const PlannedLayer& layer : plan.layers) {
    const bool quantize = layer.skip_reason.empty();
    const ActivationConfig& activation = layer.config.activation;
    const std::string data = fmt::format("{} {}-bit {}", activation.algorithm, activation.num_bits,
                                         activation.asymmetric ? "asymmetric" : "symmetric");
    const WeightConfig& weight = layer.config.weight;
    const std::string weights = layer.is_layer()
                                    ? fmt::format("{} {}-bit {}", weight.algorithm, weight.num_bits,
                                                  weight.per_channel ? "per channel" : "per tensor")
                                    : "";
    json.push_back({{"name", layer.name()}, {"op", layer.node->op()}, {"quantize", quantize}});
    if (quantize) {
      json.back()["activations"] = data;
      if (layer.is_layer()) json.back()["weights"] = weights;
      rows.push_back({layer.name(), layer.node->op(), data, weights});
    } else {
      json.back()["reason"] = layer.skip_reason;
      rows.push_back({layer.name(), layer.node->op(), "float: " + layer.skip_reason, ""});
    }
  }
  if (flags.json) {
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("{}", FormatTable({"layer", "op", "activations", "weights"}, rows, {0, 1, 2, 3}));
  }
}

}  // namespace

void register_plan(CommandRegistry& commands) {
  commands.Add({.name = "plan",
                .summary = "What quantize would do with each layer, and why not",
                .examples =
                    "  adze plan model.pb\n"
                    "  adze plan model.pb --config quant.cfg --skip-layer conv1/Conv2D --json",
                .declare = [](CLI::App& app) {
                  auto flags = std::make_shared<Flags>();
                  AddModelFlags(app, flags->model);
                  AddPlanFlags(app, flags->plan);
                  app.add_flag("--json", flags->json, "Print JSON");
                  app.callback([flags] { Run(*flags); });
                }});
}

}  // namespace adze
