#include "adze/verify.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "adze/parallel.h"
#include "adze/progress.h"
#include "cli/command.h"
#include "cli/support/options.h"
#include "cli/support/table.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  DataFlags data;
  std::vector<std::string> dumps;
  VerifyOptions options;
  bool json = false;
};

std::string TextOf(const ValueCheck::Difference& first) {
  return fmt::format("sample {} at [{}]: {} instead of {}", first.sample,
                     fmt::join(first.index, ", "), first.integer, first.simulated);
}

nlohmann::ordered_json AsJson(const Verification& result) {
  nlohmann::ordered_json json;
  json["passes"] = result.passes();
  json["samples"] = result.samples;
  json["values"] = result.values();
  json["differing"] = result.differing();
  json["most_steps"] = result.most_steps();
  if (result.agreement) json["agreement"] = *result.agreement;
  nlohmann::ordered_json simulated = nlohmann::ordered_json::object();
  std::map<std::string, int> ops;
  for (const LoweredLayer& layer : result.layers) {
    if (!layer.reason.empty()) simulated[layer.name] = layer.reason;
    if (layer.reason.empty()) ++ops[layer.op];
  }
  json["integer_layers"] = result.layers.size() - simulated.size();
  json["integer_ops"] = ops;
  json["simulated_layers"] = std::move(simulated);
  for (const ValueCheck& check : result.checks) {
    nlohmann::ordered_json entry = {{"name", check.name},
                                    {"layer", check.layer},
                                    {"kind", check.is_real ? "float32" : "int8"},
                                    {"values", check.values},
                                    {"differing", check.differing},
                                    {"most_steps", check.most_steps}};
    if (check.first) {
      entry["first"] = {{"sample", check.first->sample},
                        {"index", check.first->index},
                        {"integer", check.first->integer},
                        {"simulated", check.first->simulated}};
    }
    json["checks"].push_back(std::move(entry));
  }
  return json;
}

void Print(const Verification& result) {
  size_t integer_layers = 0;
  for (const LoweredLayer& layer : result.layers) {
    integer_layers += layer.reason.empty();
    if (!layer.reason.empty()) fmt::print("{}: simulated, {}\n", layer.name, layer.reason);
  }
  std::vector<std::vector<std::string>> rows;
  for (const ValueCheck& check : result.checks) {
    rows.push_back({check.name, check.is_real ? "float32" : "int8", std::to_string(check.values),
                    std::to_string(check.differing), std::to_string(check.most_steps),
                    check.first ? TextOf(*check.first) : ""});
  }
  fmt::print("{}", FormatTable({"values", "type", "compared", "differ", "steps", "first"}, rows,
                               {0, 1, 5}));
  fmt::print("\n{} of {} layers run on integers ({}); {} samples\n", integer_layers,
             result.layers.size(), IntegerInstructions(), result.samples);
  fmt::print("{} of {} integers differ from the simulation, by at most {} steps\n",
             result.differing(), result.values(), result.most_steps());
  if (result.agreement) {
    fmt::print("same class, each engine on its own: {:.2f} %\n", 100 * *result.agreement);
  }
}

void Run(const Flags& flags, bool quiet) {
  const ModelSource source = ToModelSource(flags.model);
  const Graph graph = LoadQuantized(source);
  const std::unique_ptr<Dataset> data =
      OpenData(ToDataSource(flags.data), ModelInputs(graph, source));
  SetNumThreads(flags.options.num_threads);
  VerifyOptions options = flags.options;
  std::vector<std::string> files;
  for (const std::string& text : flags.dumps) {
    const auto [name, file] = SplitAssignment(text);
    Require(!name.empty(), ErrorCode::kInvalidArgument, "--dump takes NAME=FILE.npy, not '", text,
            "'");
    options.kept.push_back(name);
    files.push_back(file);
  }
  Progress progress("verify", quiet || flags.json);
  options.progress = [&](int64_t done, int64_t total) { progress.Update(done, total); };
  const Verification result = Verify(graph, LowerToIntegers(graph), *data, options);
  for (size_t i = 0; i < files.size(); ++i) WriteNpy(result.kept.at(options.kept[i]), files[i]);
  if (flags.json) {
    fmt::print("{}\n", AsJson(result).dump(2));
  } else {
    Print(result);
  }
  Require(result.passes(), ErrorCode::kInternal,
          "the integer engine differs from the simulation in ", result.differing(), " of ",
          result.values(), " integers, by up to ", result.most_steps(),
          " steps; rounding ties explain 1 of 100,000 and 1 step");
}

}  // namespace

void register_verify(CommandRegistry& commands) {
  commands.Add(
      {.name = "verify",
       .summary = "Integers of the int8 engine against the simulation, layer by layer",
       .examples = "  adze verify out/model_quantized.pb --images val/ --limit 8\n"
                   "  adze verify out/model_quantized.pb --data x.npy --json\n"
                   "  adze verify out/model_quantized.pb --images val/ --limit 1 \\\n"
                   "      --dump conv1/act_quant/AscendQuant=conv1.npy",
       .declare = [](CLI::App& app) {
         auto flags = std::make_shared<Flags>();
         AddModelFlags(app, flags->model);
         AddDataFlags(app, flags->data);
         app.add_option(
                "--dump", flags->dumps,
                "Writes a tensor of the first batch: integers of AscendQuant, weights and sums, "
                "else float32")
             ->take_all()
             ->allow_extra_args(false)
             ->type_name("NAME=FILE.npy");
         app.add_option("--batch-size", flags->options.batch_size, "Samples at a time")
             ->check(CLI::PositiveNumber)
             ->type_name("N")
             ->capture_default_str();
         app.add_option("--threads", flags->options.num_threads, "Threads (default: all cores)")
             ->type_name("N");
         app.add_flag("--json", flags->json, "Print JSON");
         app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
       }});
}

}  // namespace adze
