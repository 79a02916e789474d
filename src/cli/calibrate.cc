#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "adze/process_group.h"
#include "adze/progress.h"
#include "cli/command.h"
#include "cli/support/options.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  DataFlags data;
  PlanFlags plan;
  BatchFlags batch;
  std::string shard = "0/1", statistics;
  int64_t checkpoint_every = 0;
  bool resume = false, json = false;
};

Shard ParseShard(const std::string& text) {
  Shard shard;
  const char *at = text.data(), *end = at + text.size();
  const auto [slash, error] = std::from_chars(at, end, shard.index);
  bool ok = error == std::errc() && slash != end && *slash == '/';
  if (ok) {
    const auto [rest, count_error] = std::from_chars(slash + 1, end, shard.count);
    ok = count_error == std::errc() && rest == end;
  }
  Require(ok && shard.index >= 0 && shard.index < shard.count, ErrorCode::kInvalidArgument,
          "--shard '", text, "' is not of the form I/N, I from 0 to N - 1");
  return shard;
}

void Run(const Flags& flags, bool quiet) {
  BecomeProgramFor(flags.batch);
  // Under mpirun the first process speaks for all.
  const bool is_first = ProcessGroup::World().is_first();
  quiet |= !is_first;
  RequireData(flags.data);
  Progress progress("calibrate", quiet || flags.json);
  const CollectResult result =
      Collect({.model = ToModelSource(flags.model),
               .data = ToDataSource(flags.data),
               .plan = ToPlanOptions(flags.plan),
               .statistics = flags.statistics,
               .batch_size = flags.batch.size,
               .batch_num = flags.batch.num,
               .shard = ParseShard(flags.shard),
               .num_threads = flags.batch.threads,
               .device = flags.batch.device,
               .checkpoint_every = flags.checkpoint_every,
               .resume = flags.resume,
               .progress = [&](int64_t done, int64_t all) { progress.Update(done, all); }});
  if (!is_first) return;
  if (flags.json) {
    const nlohmann::ordered_json json = {
        {"samples", result.samples},   {"tensors", result.tensors},
        {"seconds", result.seconds},   {"file", flags.statistics},
        {"warnings", result.warnings}, {"skipped", SkippedAsJson(result.skipped)}};
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("statistics of {} tensors over {} samples in {:.1f} s, wrote {}\n", result.tensors,
             result.samples, result.seconds, flags.statistics);
  PrintScaling(flags.data);
  PrintSkipped(result.skipped);
}

}  // namespace

void register_calibrate(CommandRegistry& commands) {
  commands.Add(
      {.name = "calibrate",
       .summary = "Gather what quantize needs to know of the data, or of a part of it",
       .examples =
           "  adze calibrate model.pb --images calibration/ --statistics s.bin\n"
           "  adze calibrate model.pb --images calibration/ --shard 0/2 --statistics s_0.bin\n"
           "  adze calibrate model.pb --images calibration/ --shard 1/2 --statistics s_1.bin\n"
           "  adze calibrate model.pb --images big/ --batch-num 50000 --statistics s.bin \\\n"
           "      --checkpoint-every 1000 --resume\n"
           "  adze merge s_0.bin s_1.bin --output s.bin\n"
           "  adze quantize model.pb --statistics s.bin --output out/model",
       .declare = [](CLI::App& app) {
         auto flags = std::make_shared<Flags>();
         AddModelFlags(app, flags->model);
         AddDataFlags(app, flags->data);
         AddPlanFlags(app, flags->plan);
         AddBatchFlags(app, flags->batch);
         app.add_option("--shard", flags->shard,
                        "See the I-th of N parts of the samples only, I from 0 to N - 1")
             ->type_name("I/N")
             ->capture_default_str();
         app.add_option("--statistics", flags->statistics, "File to write")
             ->required()
             ->type_name("FILE");
         app.add_option("--checkpoint-every", flags->checkpoint_every,
                        "Write the file each time that N more samples were seen")
             ->check(CLI::PositiveNumber)
             ->type_name("N");
         app.add_flag("--resume", flags->resume,
                      "Go on after the last checkpoint in the file, if there is one");
         app.add_flag("--json", flags->json, "Print JSON");
         app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
       }});
}

}  // namespace adze
