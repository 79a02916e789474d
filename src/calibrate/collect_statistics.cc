#include <algorithm>
#include <memory>

#include "adze/cancel.h"
#include "adze/error.h"
#include "adze/parallel.h"
#include "calibrate/dataset_slice.h"
#include "calibrate/factors.h"
#include "calibrate/team.h"

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

// Where to go on after an interrupted run of the same samples.
int64_t ResumeAt(const Statistics& before, const SampleRange& range) {
  const SampleRange& rest = before.rest;
  const SampleRange seen{range.data, range.begin, rest.begin};
  const bool same = rest.data == range.data && rest.begin < rest.end && rest.end == range.end &&
                    before.samples == std::vector<SampleRange>{seen};
  Require(same, ErrorCode::kInvalidArgument, "is no checkpoint of samples ", range.begin, " to ",
          range.end - 1,
          ", which this run is to see; give the options of the run that wrote it, or begin anew");
  return rest.begin;
}

// Runs samples in one of two ways: a thread for each sample, which is what statistics are defined
// by, or all threads on a batch, if that gives the same bits and is faster.
class Collector {
 public:
  Collector(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
            const CalibrateOptions& options)
      : plan_(plan),
        data_(data),
        options_(options),
        threads_(static_cast<int>(std::min<int64_t>(NumThreads(), data.size()))),
        session_(prepared),
        source_(data, options.batch_size, threads_),
        rows_apart_(session_.KeepsRowsApart(source_.First().feeds)),
        team_(MakeTeam(options.parallelism == Parallelism::kOps)),
        seen_(team_->Take()) {
    seen_.origin = options.origin;
    if (options.resume) seen_.Merge(*options.resume);
  }

  // Samples up to `end`.
  void RunTo(int64_t end) {
    if (source_.position() == 0 && CanMeasure()) Measure();
    Run(end);
  }
  int64_t position() const { return source_.position(); }
  // Of all that was run, without its `samples`.
  Statistics& Seen() {
    seen_.Merge(team_->Take());
    return seen_;
  }

 private:
  std::unique_ptr<Team> MakeTeam(bool share_ops) const {
    return std::make_unique<Team>(session_, plan_, data_,
                                  Team::Options{.members = share_ops ? 1 : threads_,
                                                .threads_per_member = share_ops ? threads_ : 1,
                                                .by_sample = !share_ops && rows_apart_});
  }

  // Measuring costs a batch that is run twice.
  bool CanMeasure() const {
    constexpr int64_t kFewBatches = 16;
    return options_.parallelism == Parallelism::kMeasured && threads_ > 1 &&
           data_.size() >= kFewBatches * options_.batch_size && data_.size() >= 8 * threads_;
  }

  // The samples that are timed are among those that count.
  void Measure() {
    const int64_t batch = options_.batch_size;
    const int64_t timed = (2 * threads_ + batch - 1) / batch * batch;
    const Unit again = source_.First();
    Run(batch);
    const Statistics first = team_->Take();
    Run(batch + timed);
    std::unique_ptr<Team> other = MakeTeam(true);
    other->Run(again);
    const bool same = SerializeStatistics(first) == SerializeStatistics(other->Take());
    seen_.Merge(team_->Take());
    seen_.Merge(first);
    if (!same) return;
    team_.swap(other);
    Run(batch + 2 * timed);
    // Times differ from run to run; the second way must be worth the change.
    if (team_->SecondsPerSample() > 0.95 * other->SecondsPerSample()) {
      seen_.Merge(team_->Take());
      team_.swap(other);
    }
  }

  void Run(int64_t end) {
    team_->Run(source_, end, [&](int64_t samples) {
      const int64_t batches = (data_.size() + options_.batch_size - 1) / options_.batch_size;
      const int64_t before = done_ / options_.batch_size;
      done_ += samples;
      const int64_t after =
          done_ == data_.size() ? batches : std::min(batches, done_ / options_.batch_size);
      for (int64_t i = before + 1; options_.progress && i <= after; ++i) {
        if (!CancelRequested()) options_.progress(i, batches);
      }
    });
  }

  const std::vector<PlannedLayer>& plan_;
  const Dataset& data_;
  const CalibrateOptions& options_;
  const int threads_;
  Session session_;
  UnitSource source_;
  const bool rows_apart_;
  std::unique_ptr<Team> team_;
  Statistics seen_;
  int64_t done_ = 0;  // samples
};

}  // namespace

Statistics CollectStatistics(const Graph& prepared, const std::vector<PlannedLayer>& plan,
                             const Dataset& data, const CalibrateOptions& options) {
  SampleRange range = RangeOf(data, options);
  SetNumThreads(options.num_threads);
  const int64_t begin = options.resume ? ResumeAt(*options.resume, range) : range.begin;
  const DatasetSlice slice(data, begin, range.end);
  const int64_t step = options.checkpoint_every > 0 ? options.checkpoint_every : slice.size();
  Collector collector(prepared, plan, slice, options);
  for (;;) {
    collector.RunTo(std::min(collector.position() + step, slice.size()));
    Statistics& seen = collector.Seen();
    const int64_t at = begin + collector.position();
    seen.samples = {{range.data, range.begin, at}};
    seen.rest = {at < range.end ? range.data : "", at < range.end ? at : 0,
                 at < range.end ? range.end : 0};
    if (at == range.end) return std::move(seen);
    options.checkpoint(seen);
  }
}

}  // namespace adze
