#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "adze/process_group.h"
#include "adze/progress.h"
#include "cli/command.h"
#include "cli/support/options.h"
#include "cli/support/table.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  DataFlags data;
  PlanFlags plan;
  std::string statistics;
  std::string output;
  BatchFlags batch;
  bool json = false;
};

std::string ToCell(const std::optional<double>& value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "";
}

void PrintTable(const QuantizeResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const LayerSummary& layer : result.layers) {
    const LayerRecord& record = layer.record;
    if (!record.activation) {
      rows.push_back({record.name, record.op, "", "", "", "", "float: " + record.skip_reason});
      continue;
    }
    const int32_t zero_point = record.activation->zero_point[0];
    rows.push_back({record.name, record.op, fmt::format("{:.6g}", record.activation->scale[0]),
                    std::to_string(zero_point), ToCell(layer.cosine, "{:.5f}"),
                    ToCell(layer.sqnr_db, "{:.1f}"), ""});
  }
  fmt::print("{}", FormatTable({"layer", "op", "scale", "offset", "cosine", "SQNR dB", "note"},
                               rows, {0, 1, 6}));
}

std::string TextOf(const OutputComparison& comparison) {
  return fmt::format("SQNR {:.1f} dB", comparison.sqnr_db) +
         (comparison.agreement ? fmt::format(", same class {:.1f} %", 100 * *comparison.agreement)
                               : "");
}

nlohmann::ordered_json ToJson(const OutputComparison& comparison) {
  nlohmann::ordered_json json = {{"samples", comparison.samples}, {"sqnr_db", comparison.sqnr_db}};
  if (comparison.agreement) json["agreement"] = *comparison.agreement;
  return json;
}

nlohmann::ordered_json ToJson(const QuantizeResult& result) {
  nlohmann::ordered_json json;
  json["samples"] = result.samples;
  json["calibration_seconds"] = result.calibration_seconds;
  json["tuning_seconds"] = result.tuning_seconds;
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerSummary& layer : result.layers) {
    nlohmann::ordered_json entry = {{"name", layer.record.name}, {"op", layer.record.op}};
    entry["quantized"] = layer.record.activation.has_value();
    if (layer.record.activation) {
      const int32_t offset = layer.record.activation->zero_point[0];
      entry["scale"] = layer.record.activation->scale[0];
      entry["offset"] = offset;
      if (layer.record.activation->spec.num_bits == 8) entry["offset_uint8"] = -offset - 128;
    } else {
      entry["reason"] = layer.record.skip_reason;
    }
    if (layer.cosine) entry["cosine"] = *layer.cosine;
    if (layer.sqnr_db) entry["sqnr_db"] = *layer.sqnr_db;
    json["layers"].push_back(std::move(entry));
  }
  if (result.joint_cost) {
    json["joint"] = ToJson(result.joint_cost->joint);
    json["strict"] = ToJson(result.joint_cost->strict);
  }
  json["files"] = nlohmann::ordered_json::array();
  for (const auto& file : result.files) json["files"].push_back(file.string());
  json["warnings"] = result.warnings;
  json["skipped"] = SkippedAsJson(result.skipped);
  return json;
}

void Run(const Flags& flags, bool quiet) {
  BecomeProgramFor(flags.batch);
  // Under mpirun the first process speaks for all.
  const bool is_first = ProcessGroup::World().is_first();
  quiet |= !is_first;
  QuantizeOptions options{.model = ToModelSource(flags.model),
                          .data = ToDataSource(flags.data),
                          .statistics = flags.statistics,
                          .plan = ToPlanOptions(flags.plan),
                          .output_prefix = flags.output,
                          .batch_size = flags.batch.size,
                          .batch_num = flags.batch.num,
                          .num_threads = flags.batch.threads,
                          .device = flags.batch.device};
  if (flags.statistics.empty()) RequireData(flags.data);
  Progress progress("calibrate", quiet || flags.json);
  options.progress = [&](int64_t done, int64_t total) { progress.Update(done, total); };
  Progress tuning("round weights", quiet || flags.json);
  options.tune_progress = [&](int64_t done, int64_t total) { tuning.Update(done, total); };
  const QuantizeResult result = Quantize(options);
  if (!is_first) return;
  if (flags.json) {
    fmt::print("{}\n", ToJson(result).dump(2));
    return;
  }
  PrintTable(result);
  if (result.joint_cost) {
    fmt::print("\nagainst the float model on {} samples: joint {}; strict {}\n",
               result.joint_cost->joint.samples, TextOf(result.joint_cost->joint),
               TextOf(result.joint_cost->strict));
  }
  fmt::print("\ncalibrated on {} samples in {:.1f} s", result.samples, result.calibration_seconds);
  if (result.tuning_seconds > 0) fmt::print(", rounded weights in {:.1f} s", result.tuning_seconds);
  fmt::print(", wrote\n");
  for (const auto& file : result.files) fmt::print("  {}\n", file.string());
  if (flags.statistics.empty()) PrintScaling(flags.data);
  PrintSkipped(result.skipped);
}

}  // namespace

void register_quantize(CommandRegistry& commands) {
  commands.Add(
      {.name = "quantize",
       .summary = "Quantize a model by calibration on some data",
       .examples =
           "  adze quantize model.pb --images calibration/ --preprocess tf --output out/model\n"
           "  adze quantize model.pb --data input=x.npy --batch-size 8 --output out/model\n"
           "  adze quantize model.pb --data 'image=train-*.tfrecord' --field image/encoded \\\n"
           "      --skip-bad --output out/model\n"
           "  adze quantize model.pb --data 'cifar10:cifar-10-batches-bin/data_batch_*.bin' \\\n"
           "      --output out/model\n"
           "  adze quantize model.pb --data-command 'python3 feed.py' --output out/model\n"
           "  adze quantize model.pb --images calibration/ --config quant.cfg \\\n"
           "      --skip-layer conv1/Conv2D --output out/model --json\n"
           "  adze quantize model.pb --statistics merged.bin --output out/model\n"
           "  mpirun -n 4 adze quantize model.pb --images calibration/ --output out/model",
       .declare = [](CLI::App& app) {
         auto flags = std::make_shared<Flags>();
         AddModelFlags(app, flags->model);
         AddDataFlags(app, flags->data);
         AddPlanFlags(app, flags->plan);
         app.add_option("--statistics", flags->statistics,
                        "Calibrate on what `adze calibrate` or `adze merge` wrote, without data")
             ->type_name("FILE");
         app.add_option("-o,--output", flags->output,
                        "Prefix of the files to write: PREFIX_quantized.pb and so on")
             ->required()
             ->type_name("PREFIX");
         AddBatchFlags(app, flags->batch);
         app.add_flag("--json", flags->json, "Print JSON");
         app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
       }});
}

}  // namespace adze
