#include "adze/decompose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "adze/api.h"
#include "adze/progress.h"
#include "cli/command.h"
#include "cli/support/options.h"
#include "cli/support/table.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  std::string output, checkpoint;
  std::string filter = "current";
  bool json = false;
};

std::string ToText(const Shape& kernel) {
  return kernel.known_rank() ? fmt::format("{}", fmt::join(kernel.dims(), "x")) : "";
}

std::string Millions(const std::optional<int64_t>& macs) {
  return macs ? fmt::format("{:.2f}", static_cast<double>(*macs) * 1e-6) : "";
}

// Multiply-accumulates of all decomposed layers together, before and after.
std::pair<int64_t, int64_t> SumMacs(const DecomposeResult& result) {
  std::pair<int64_t, int64_t> sum = {0, 0};
  for (const LayerDecomposition& layer : result.layers) {
    sum.first += layer.macs_before.value_or(0);
    sum.second += layer.macs_after.value_or(0);
  }
  return sum;
}

void PrintTable(const DecomposeResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const LayerDecomposition& layer : result.layers) {
    if (!layer.reason.empty()) {
      rows.push_back(
          {layer.name, ToText(layer.kernel), "", "", "", "", "", "stays: " + layer.reason});
      continue;
    }
    std::string method = layer.method;
    if (!layer.mode.empty()) method += " " + layer.mode;
    rows.push_back({layer.name, ToText(layer.kernel), method,
                    fmt::format("{}", fmt::join(layer.ranks, ", ")), Millions(layer.macs_before),
                    Millions(layer.macs_after), fmt::format("{:.4f}", layer.error), ""});
  }
  fmt::print("{}",
             FormatTable({"layer", "kernel", "method", "rank", "MMACs", "after", "error", "note"},
                         rows, {0, 2, 7}));
}

nlohmann::ordered_json ToJson(const DecomposeResult& result) {
  nlohmann::ordered_json json;
  json["seconds"] = result.seconds;
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerDecomposition& layer : result.layers) {
    nlohmann::ordered_json entry = {{"name", layer.name}, {"decomposed", layer.reason.empty()}};
    if (layer.kernel.known_rank()) entry["kernel"] = layer.kernel.dims();
    if (layer.reason.empty()) {
      entry["method"] = layer.method;
      if (!layer.mode.empty()) entry["mode"] = layer.mode;
      entry["ranks"] = layer.ranks;
      entry["evbmf_rank"] = layer.evbmf_rank;
      entry["error"] = layer.error;
      entry["nodes"] = nlohmann::ordered_json::array();
      for (size_t i = 0; i < layer.nodes.size(); ++i) {
        entry["nodes"].push_back({{"name", layer.nodes[i]}, {"kernel", layer.kernels[i].dims()}});
      }
      entry["weights"] = {layer.weights_before, layer.weights_after};
      if (layer.macs_before) entry["macs"] = {*layer.macs_before, *layer.macs_after};
    } else {
      entry["reason"] = layer.reason;
    }
    json["layers"].push_back(std::move(entry));
  }
  const auto [before, after] = SumMacs(result);
  json["macs"] = {before, after};
  json["files"] = nlohmann::ordered_json::array();
  for (const auto& file : result.files) json["files"].push_back(file.string());
  return json;
}

void PrintSummary(const DecomposeResult& result) {
  const auto decomposed =
      std::count_if(result.layers.begin(), result.layers.end(),
                    [](const LayerDecomposition& layer) { return layer.reason.empty(); });
  fmt::print("\ndecomposed {} of {} convolutions in {:.1f} s", decomposed, result.layers.size(),
             result.seconds);
  const auto [before, after] = SumMacs(result);
  if (before > 0) {
    fmt::print("; their MACs: {:.1f} -> {:.1f} million ({:.1f} %)", before * 1e-6, after * 1e-6,
               100.0 * static_cast<double>(after) / static_cast<double>(before));
  }
  fmt::print("\n");
  for (const auto& file : result.files) fmt::print("wrote {}\n", file.string());
}

void Run(const Flags& flags, bool quiet) {
  DecomposeJob job;
  job.model = ToModelSource(flags.model);
  job.output = flags.output;
  job.checkpoint = flags.checkpoint;
  if (flags.filter == "square") job.options.filter = DecomposeFilter::kSquare;
  Progress progress("decompose", quiet || flags.json);
  job.options.progress = [&](int64_t done, int64_t total) { progress.Update(done, total); };
  const DecomposeResult result = DecomposeModel(job);
  if (flags.json) {
    fmt::print("{}\n", ToJson(result).dump(2));
  } else if (!quiet) {
    PrintTable(result);
    PrintSummary(result);
  }
}

}  // namespace

void register_decompose(CommandRegistry& commands) {
  commands.Add(
      {.name = "decompose",
       .summary = "Replace convolutions by two smaller ones each (tensor decomposition)",
       .examples =
           "  adze decompose model.pb -o decomposed.pb\n"
           "  adze decompose model.pb --json                 # only tells what would be done\n"
           "  adze decompose train/model.ckpt-1000.meta --outputs prob \\\n"
           "      --to-checkpoint train/decomposed.ckpt",
       .declare = [](CLI::App& app) {
         auto flags = std::make_shared<Flags>();
         AddModelFlags(app, flags->model);
         app.add_option("-o,--output", flags->output, "Frozen graph to write")->type_name("FILE");
         app.add_option("--to-checkpoint", flags->checkpoint,
                        "Also write PREFIX.meta, .index and .data-..., to fine-tune in TensorFlow")
             ->type_name("PREFIX");
         app.add_option("--filter", flags->filter,
                        "Which convolutions: current (AMCT's rule) or square (its older one: "
                        "square kernels above 2x2)")
             ->check(CLI::IsMember({"current", "square"}))
             ->type_name("NAME")
             ->capture_default_str();
         app.add_flag("--json", flags->json, "Print JSON");
         app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
       }});
}

}  // namespace adze
