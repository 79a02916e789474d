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
  std::optional<double> macs, size, latency, energy;
  std::string latencies;
  int latency_threads = 1;
  bool no_timing = false;
  bool pointwise = false, for_int8 = false;
  int64_t samples = 64;
  bool no_weighing = false, no_correction = false;
  std::string output, checkpoint, edits, apply, picture;
  std::string filter = "current";
  bool json = false;
};

std::string ToText(const Shape& kernel) {
  return kernel.known_rank() ? fmt::format("{}", fmt::join(kernel.dims(), "x")) : "";
}

std::string Millions(const std::optional<int64_t>& macs) {
  return macs ? fmt::format("{:.2f}", static_cast<double>(*macs) * 1e-6) : "";
}

// The sum over all layers that have both, before and after.
template <typename T>
std::pair<T, T> Sum(const DecomposeResult& result, std::optional<T> LayerDecomposition::*before,
                    std::optional<T> LayerDecomposition::*after) {
  std::pair<T, T> sum = {0, 0};
  for (const LayerDecomposition& layer : result.layers) {
    sum.first += (layer.*before).value_or(0);
    sum.second += (layer.*after).value_or(0);
  }
  return sum;
}

std::pair<int64_t, int64_t> SumMacs(const DecomposeResult& result) {
  return Sum(result, &LayerDecomposition::macs_before, &LayerDecomposition::macs_after);
}

std::pair<double, double> SumTimes(const DecomposeResult& result) {
  return Sum(result, &LayerDecomposition::ms_before, &LayerDecomposition::ms_after);
}

// Columns that some runs only have, before the note.
void AddOptionalColumns(const DecomposeResult& result, std::vector<std::string>* header,
                        std::vector<std::vector<std::string>>* rows) {
  const auto add = [&](const char* title, std::optional<double> LayerDecomposition::*member) {
    const auto has = [&](const LayerDecomposition& layer) { return (layer.*member).has_value(); };
    if (std::none_of(result.layers.begin(), result.layers.end(), has)) return;
    header->insert(header->end() - 1, title);
    for (size_t i = 0; i < rows->size(); ++i) {
      const std::optional<double>& value = result.layers[i].*member;
      (*rows)[i].insert((*rows)[i].end() - 1, value ? fmt::format("{:.4f}", *value) : "");
    }
  };
  add("in int8", &LayerDecomposition::int8_error);
  add("ms", &LayerDecomposition::ms_before);
  add("after", &LayerDecomposition::ms_after);
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
  std::vector<std::string> header = {"layer", "kernel", "method",  "rank", "MMACs",
                                     "after", "error",  "on data", "note"};
  AddOptionalColumns(result, &header, &rows);
  fmt::print("{}", FormatTable(header, rows, {0, 2, header.size() - 1}));
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
      if (layer.int8_error) entry["int8_error"] = *layer.int8_error;
      entry["nodes"] = nlohmann::ordered_json::array();
      for (size_t i = 0; i < layer.nodes.size(); ++i) {
        entry["nodes"].push_back({{"name", layer.nodes[i]}, {"kernel", layer.kernels[i].dims()}});
      }
      entry["weights"] = {layer.weights_before, layer.weights_after};
      if (layer.macs_before) entry["macs"] = {*layer.macs_before, *layer.macs_after};
    } else {
      entry["reason"] = layer.reason;
    }
    if (layer.ms_before) entry["milliseconds"] = {*layer.ms_before, *layer.ms_after};
    json["layers"].push_back(std::move(entry));
  }
  const auto [before, after] = SumMacs(result);
  json["macs"] = {before, after};
  if (const auto [ms, ms_after] = SumTimes(result); ms > 0) json["milliseconds"] = {ms, ms_after};
  json["timed"] = result.timed;
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
  if (const auto [ms, ms_after] = SumTimes(result); ms > 0) {
    fmt::print("time of the layers that pass the filter, one by one: {:.2f} -> {:.2f} ms", ms,
               ms_after);
    if (result.timed > 0) fmt::print("; timed {} convolutions and ways", result.timed);
    fmt::print("\n");
  }
  for (const auto& file : result.files) fmt::print("wrote {}\n", file.string());
  PrintSkipped(result.skipped);
}

// The rule and its number, as far as they follow from the flags.
void SetRule(const Flags& flags, DecomposeOptions* options) {
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  Require(flags.macs.has_value() + flags.size.has_value() + flags.latency.has_value() +
                  flags.energy.has_value() <=
              1,
          kBad, "give only one of --macs, --size, --latency and --energy");
  std::string rule = "evbmf";
  const auto set = [&](const std::optional<double>& share, RankRule which, const char* name) {
    if (!share) return;
    options->rule = which;
    options->share = *share;
    rule = name;
  };
  set(flags.macs, RankRule::kMacs, "budget");
  set(flags.size, RankRule::kSize, "budget");
  set(flags.latency, RankRule::kLatency, "budget");
  set(flags.energy, RankRule::kEnergy, "energy");
  Require(flags.rank_rule.empty() || flags.rank_rule == rule, kBad, "--rank-rule ", flags.rank_rule,
          flags.rank_rule == "evbmf"    ? " takes no --macs, --size, --latency or --energy"
          : flags.rank_rule == "budget" ? " needs --macs, --size or --latency"
                                        : " needs --energy");
  Require((flags.method == "amct") == (rule == "evbmf"), kBad, "--method ", flags.method,
          flags.method == "amct" ? " has AMCT's own ranks; give another method, such as auto"
                                 : " needs --macs, --size, --latency or --energy");
  Require(
      flags.method != "amct" || !flags.pointwise, kBad,
      "--method amct takes no 1x1 convolutions and no MatMul; give another one for --pointwise");
}

void Run(const Flags& flags, bool quiet) {
  DecomposeJob job;
  job.model = ToModelSource(flags.model);
  job.output = flags.output;
  job.checkpoint = flags.checkpoint;
  if (flags.filter == "square") job.options.filter = DecomposeFilter::kSquare;
  if (flags.filter == "any") job.options.filter = DecomposeFilter::kAny;
  job.options.method = flags.method;
  if (flags.apply.empty()) {
    SetRule(flags, &job.options);
  } else {
    Require(flags.method == "amct" && flags.rank_rule.empty() && !flags.macs && !flags.size &&
                !flags.latency && !flags.energy && !flags.pointwise && !flags.for_int8,
            ErrorCode::kInvalidArgument,
            "--apply does what its file says; leave out --method, --rank-rule, budgets, "
            "--pointwise and --for-int8");
  }
  job.edits = flags.edits;
  job.apply = flags.apply;
  job.picture = flags.picture;
  job.options.pointwise = flags.pointwise;
  job.options.for_int8 = flags.for_int8;
  job.options.latency.leave_out_slower = flags.method == "auto" && !flags.no_timing;
  job.options.latency.num_threads = flags.latency_threads;
  job.latencies = flags.latencies;
  job.data = ToDataSource(flags.data);
  if (!job.data.empty()) RequireData(flags.data);
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
    PrintScaling(flags.data);
  }
}

void AddRankFlags(CLI::App& app, Flags& flags) {
  std::vector<std::string> methods = {"amct", "auto"};
  for (const auto& [name, method] : DecompositionMethods()) {
    methods.push_back(name);
    app.footer(app.get_footer() + (methods.size() == 3 ? "\n\nMethods:" : "") +
               fmt::format("\n  {:<10} {}", name, method));
  }
  app.add_option(
         "--method", flags.method,
         "amct: as AMCT does; auto: the best for each layer, cp aside; or a name of the list "
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
  app.add_option(
         "--latency", flags.latency,
         "Time that may remain, likewise: measured here, each layer alone, sample by sample")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE");
  app.add_option("--energy", flags.energy, "Share of each kernel's power to keep")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE");
  app.add_flag("--pointwise", flags.pointwise,
               "1x1 convolutions and MatMul too, by truncated singular value decomposition");
  app.add_flag("--for-int8", flags.for_int8,
               "Judge by the loss with 8-bit weights, and balance the kernels' ranges");
}

void AddTimingFlags(CLI::App& app, Flags& flags) {
  app.add_option("--latencies", flags.latencies,
                 "JSON of measured times: those in it are used, others measured and added; the "
                 "same file gives the same choice")
      ->type_name("FILE");
  app.add_option("--latency-threads", flags.latency_threads, "Threads of a timed run")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--no-timing", flags.no_timing,
               "Let --method auto take ways that run slower than the layer, without timing them");
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
         app.add_option("-o,--output", flags->output,
                        "Frozen graph to write; with --apply also FILE.meta: the training graph "
                        "MODEL.meta itself, its new kernels as variables to be restored")
             ->type_name("FILE");
         app.add_option("--to-checkpoint", flags->checkpoint,
                        "Also write PREFIX.meta, .index and .data-..., to fine-tune in TensorFlow")
             ->type_name("PREFIX");
         app.add_option("--edits", flags->edits, "JSON to write of what was done, for --apply")
             ->type_name("FILE");
         app.add_option("--apply", flags->apply,
                        "Do what --edits has written, with the weights of this model")
             ->type_name("FILE");
         app.add_option("--picture", flags->picture,
                        "SVG to draw of the graph before and after, side by side")
             ->type_name("FILE");
         AddRankFlags(app, *flags);
         AddTimingFlags(app, *flags);
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
