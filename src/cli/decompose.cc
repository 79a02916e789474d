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
  DataFlags data;
  std::string method = "amct", rank_rule;
  std::optional<double> macs, size, energy;
  int64_t samples = 64;
  bool no_weighing = false, no_correction = false;
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
          {layer.name, ToText(layer.kernel), "", "", "", "", "", "", "stays: " + layer.reason});
      continue;
    }
    std::string method = layer.method;
    if (!layer.mode.empty()) method += " " + layer.mode;
    rows.push_back({layer.name, ToText(layer.kernel), method,
                    fmt::format("{}", fmt::join(layer.ranks, ", ")), Millions(layer.macs_before),
                    Millions(layer.macs_after), fmt::format("{:.4f}", layer.error),
                    layer.data_error ? fmt::format("{:.4f}", *layer.data_error) : "", ""});
  }
  fmt::print("{}", FormatTable({"layer", "kernel", "method", "rank", "MMACs", "after", "error",
                                "on data", "note"},
                               rows, {0, 2, 8}));
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
      if (layer.evbmf_rank) entry["evbmf_rank"] = *layer.evbmf_rank;
      entry["error"] = layer.error;
      if (layer.data_error) entry["data_error"] = *layer.data_error;
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
  json["skipped"] = SkippedAsJson(result.skipped);
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
  PrintSkipped(result.skipped);
}

// The rule and its number, as far as they follow from the flags.
void SetRule(const Flags& flags, DecomposeOptions* options) {
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  Require(flags.macs.has_value() + flags.size.has_value() + flags.energy.has_value() <= 1, kBad,
          "give only one of --macs, --size and --energy");
  std::string rule = "evbmf";
  const auto set = [&](const std::optional<double>& share, RankRule which, const char* name) {
    if (!share) return;
    options->rule = which;
    options->share = *share;
    rule = name;
  };
  set(flags.macs, RankRule::kMacs, "budget");
  set(flags.size, RankRule::kSize, "budget");
  set(flags.energy, RankRule::kEnergy, "energy");
  Require(flags.rank_rule.empty() || flags.rank_rule == rule, kBad, "--rank-rule ", flags.rank_rule,
          flags.rank_rule == "evbmf"    ? " takes no --macs, --size or --energy"
          : flags.rank_rule == "budget" ? " needs --macs or --size"
                                        : " needs --energy");
  Require((flags.method == "amct") == (rule == "evbmf"), kBad, "--method ", flags.method,
          flags.method == "amct" ? " has AMCT's own ranks; give another method, such as auto"
                                 : " needs --macs, --size or --energy");
}

void Run(const Flags& flags, bool quiet) {
  DecomposeJob job;
  job.model = ToModelSource(flags.model);
  job.output = flags.output;
  job.checkpoint = flags.checkpoint;
  if (flags.filter == "square") job.options.filter = DecomposeFilter::kSquare;
  if (flags.filter == "any") job.options.filter = DecomposeFilter::kAny;
  job.options.method = flags.method;
  SetRule(flags, &job.options);
  job.data = ToDataSource(flags.data);
  if (!job.data.empty()) RequireData(flags.data, quiet || flags.json);
  job.options.data.samples = flags.samples;
  job.options.data.weigh = !flags.no_weighing;
  job.options.data.correct = !flags.no_correction;
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

void AddRankFlags(CLI::App& app, Flags& flags) {
  std::vector<std::string> methods = {"amct", "auto"};
  for (const auto& [name, method] : DecompositionMethods()) {
    methods.push_back(name);
    app.footer(app.get_footer() + (methods.size() == 3 ? "\n\nMethods:" : "") +
               fmt::format("\n  {:<10} {}", name, method));
  }
  app.add_option("--method", flags.method,
                 "amct: as AMCT does; auto: the best of all for each layer; or a name of the list "
                 "below")
      ->check(CLI::IsMember(methods))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--rank-rule", flags.rank_rule,
                 "How ranks are chosen; follows from the options below: evbmf (method amct), "
                 "budget, energy")
      ->check(CLI::IsMember({"evbmf", "budget", "energy"}))
      ->type_name("NAME");
  app.add_option("--macs", flags.macs,
                 "Multiply-accumulates that may remain, as a share of those of the layers that "
                 "pass the filter")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE");
  app.add_option("--size", flags.size, "Weights that may remain, likewise")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE");
  app.add_option("--energy", flags.energy, "Share of each kernel's power to keep")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE");
}

}  // namespace

void register_decompose(CommandRegistry& commands) {
  commands.Add(
      {.name = "decompose",
       .summary = "Replace convolutions by two smaller ones each (tensor decomposition)",
       .examples =
           "  adze decompose model.pb -o decomposed.pb\n"
           "  adze decompose model.pb --json                 # only tells what would be done\n"
           "  adze decompose model.pb --method auto --macs 0.5 --images calibration/ \\\n"
           "      -o decomposed.pb\n"
           "  adze decompose train/model.ckpt-1000.meta --outputs prob \\\n"
           "      --to-checkpoint train/decomposed.ckpt",
       .declare = [](CLI::App& app) {
         auto flags = std::make_shared<Flags>();
         AddModelFlags(app, flags->model);
         app.add_option("-o,--output", flags->output, "Frozen graph to write")->type_name("FILE");
         app.add_option("--to-checkpoint", flags->checkpoint,
                        "Also write PREFIX.meta, .index and .data-..., to fine-tune in TensorFlow")
             ->type_name("PREFIX");
         AddRankFlags(app, *flags);
         AddDataFlags(app, flags->data);
         app.add_option("--samples", flags->samples, "Samples of the data to learn from")
             ->check(CLI::PositiveNumber)
             ->type_name("N")
             ->capture_default_str();
         app.add_flag("--no-weighing", flags->no_weighing,
                      "Choose ranks and kernels as if all inputs were alike, whatever the data");
         app.add_flag("--no-correction", flags->no_correction,
                      "Do not refit the last convolution of each layer to the data");
         app.add_option("--filter", flags->filter,
                        "Which convolutions: current (AMCT's rule), square (its older one: square "
                        "kernels above 2x2) or any (1x1 too)")
             ->check(CLI::IsMember({"current", "square", "any"}))
             ->type_name("NAME")
             ->capture_default_str();
         app.add_flag("--json", flags->json, "Print JSON");
         app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
       }});
}

}  // namespace adze
