#include <algorithm>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/parallel.h"
#include "calibrate/dataset_slice.h"
#include "calibrate/factors.h"
#include "calibrate/statistics_probe.h"

namespace adze {
namespace {

// The samples that this run sees.
SampleRange RangeOf(const Dataset& data, const CalibrateOptions& options) {
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  const Shard shard = options.shard;
  Require(options.batch_size > 0, kBad, "batch_size is ", options.batch_size,
          ", but must be greater than zero");
  Require(shard.count > 0 && shard.index >= 0 && shard.index < shard.count, kBad,
          "there is no shard ", shard.index, " of ", shard.count, "; shards are numbered from 0");
  Require(data.size() > 0, kBad, "there is no data to calibrate on");
  Require(options.num_samples <= data.size(), kBad, "the data has ", data.size(), " samples, ",
          options.num_samples, " are asked for; ask for less or give more data");
  const int64_t all = options.num_samples > 0 ? options.num_samples : data.size();
  const SampleRange range{options.data_name, all * shard.index / shard.count,
                          all * (shard.index + 1) / shard.count};
  Require(range.begin < range.end, kBad, "shard ", shard.index, " of ", shard.count,
          " is empty, there are only ", all, " samples; make fewer shards");
  return range;
}

}  // namespace

Statistics CollectStatistics(const Graph& prepared, const std::vector<PlannedLayer>& plan,
                             const Dataset& data, const CalibrateOptions& options) {
  const SampleRange range = RangeOf(data, options);
  SetNumThreads(options.num_threads);
  const DatasetSlice slice(data, range.begin, range.end);
  StatisticsProbe probe(plan, slice, NumThreads());
  Session session(prepared, {}, &probe, {.num_threads = options.num_threads});
  BatchReader reader(slice, options.batch_size, 1);
  const int64_t batches = (slice.size() + options.batch_size - 1) / options.batch_size;
  std::map<std::string, Tensor> feeds;
  int64_t first_sample = 0;
  for (int64_t done = 0; done < batches;) {
    ThrowIfCancelled();
    Check(reader.Next(&feeds, &first_sample), "the data has as many batches");
    probe.StartBatch(first_sample, std::min(options.batch_size, slice.size() - first_sample));
    session.Run(feeds);
    ++done;
    if (options.progress) options.progress(done, batches);
  }
  ThrowIfCancelled();
  Statistics statistics = probe.Take();
  statistics.samples = {range};
  return statistics;
}

}  // namespace adze
