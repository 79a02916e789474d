#include <chrono>
#include <limits>

#include "adze/file.h"
#include "adze/process_group.h"
#include "api/collect_in_group.h"
#include "api/device_runners.h"

namespace adze {
namespace {

// What is thrown while checkpoints are written says how to go on.
[[noreturn]] void RethrowWithRemedy(const Error& error, const CollectOptions& options) {
  const bool cancelled = error.code() == ErrorCode::kCancelled;
  throw Error(error.code(), (cancelled ? "stopped on request" : std::string(error.what())) +
                                "; what was seen up to the last checkpoint is in '" +
                                options.statistics.string() + "', go on from it with --resume");
}

std::optional<Statistics> CollectWithCheckpoints(const PreparedModel& model, const Dataset& data,
                                                 const CollectOptions& options,
                                                 CalibrateOptions calibrate) {
  Statistics before;
  if (options.resume && std::filesystem::exists(options.statistics)) {
    before = ReadStatistics(options.statistics);
    ErrorScope scope("file", options.statistics.string());
    before.CheckOrigin(OriginOf(model, options.data));
    CheckResumable(before, data, calibrate);
    calibrate.resume = &before;
  }
  bool saved = calibrate.resume != nullptr;
  calibrate.checkpoint_every = options.checkpoint_every;
  calibrate.checkpoint = [&](const Statistics& seen) {
    WriteStatistics(seen, options.statistics);
    saved = true;
  };
  try {
    return CollectInGroup(model, options.data, data, calibrate);
  } catch (const Error& error) {
    if (!saved) throw;
    RethrowWithRemedy(error, options);
  }
}

}  // namespace

CollectResult Collect(const CollectOptions& options) {
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  const ProcessGroup& group = ProcessGroup::World();
  Require(options.checkpoint_every >= 0, kBad, "--checkpoint-every must be at least 1");
  Require(group.size() == 1 || (options.checkpoint_every == 0 && !options.resume), kBad,
          "--checkpoint-every and --resume are for one process; under mpirun use --shard");
  const MakeGraphRunner runner = RunnersOn(options.device);
  if (group.is_first()) CheckWritable(options.statistics);
  const PreparedModel model(options.model, options.plan);
  RefuseEarlierRuns(model.plan);
  const auto count = [&](int64_t samples) {
    return CountSamples(model.plan, !options.plan.config.empty(), options.batch_size,
                        options.batch_num, samples);
  };
  CollectResult result{.warnings = model.warnings};
  const std::unique_ptr<Dataset> data =
      OpenData(FirstSamples(options.data, count(std::numeric_limits<int64_t>::max())), model.inputs,
               &result.skipped);
  const auto start = std::chrono::steady_clock::now();
  const std::optional<Statistics> statistics =
      CollectWithCheckpoints(model, *data, options,
                             {.batch_size = options.batch_size,
                              .num_samples = count(data->size()),
                              .shard = options.shard,
                              .data_name = NameOf(options.data),
                              .num_threads = options.num_threads,
                              .runner = runner,
                              .progress = options.progress});
  if (!statistics) return {};
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  WriteStatistics(*statistics, options.statistics);
  result.samples = statistics->num_samples();
  result.tensors = static_cast<int64_t>(statistics->taps.size());
  result.seconds = seconds.count();
  return result;
}

CollectResult Merge(const std::vector<std::filesystem::path>& parts,
                    const std::filesystem::path& output) {
  CheckWritable(output);
  const Statistics merged = MergeStatistics(parts);
  WriteStatistics(merged, output);
  return {.samples = merged.num_samples(), .tensors = static_cast<int64_t>(merged.taps.size())};
}

}  // namespace adze
