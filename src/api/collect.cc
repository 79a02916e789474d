#include <chrono>

#include "adze/file.h"
#include "api/prepared_model.h"

namespace adze {

CollectResult Collect(const CollectOptions& options) {
  CheckWritable(options.statistics);
  const PreparedModel model(options.model, options.plan);
  RefuseBalance(model.plan);
  const std::unique_ptr<Dataset> data = OpenData(options.data, model.inputs);
  const auto start = std::chrono::steady_clock::now();
  Statistics statistics = CollectStatistics(
      model.graph, model.plan.layers, *data,
      {.batch_size = options.batch_size,
       .num_samples = CountSamples(model.plan, !options.plan.config.empty(), options.batch_size,
                                   options.batch_num, data->size()),
       .shard = options.shard,
       .data_name = NameOf(options.data),
       .num_threads = options.num_threads,
       .progress = options.progress});
  statistics.origin = OriginOf(model, options.data);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  WriteStatistics(statistics, options.statistics);
  return {.samples = statistics.num_samples(),
          .tensors = static_cast<int64_t>(statistics.taps.size()),
          .seconds = seconds.count(),
          .warnings = model.warnings};
}

CollectResult Merge(const std::vector<std::filesystem::path>& parts,
                    const std::filesystem::path& output) {
  CheckWritable(output);
  const Statistics merged = MergeStatistics(parts);
  WriteStatistics(merged, output);
  return {.samples = merged.num_samples(), .tensors = static_cast<int64_t>(merged.taps.size())};
}

}  // namespace adze
