#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "adze/error.h"
#include "adze/parallel.h"
#include "calibrate/collector.h"
#include "calibrate/dataset_slice.h"
#include "calibrate/factors.h"
#include "calibrate/runner_collector.h"
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

// Threads that ended leave memory to threads to come; this one cannot use it.
void ReleaseFreeMemory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

// Runs samples in one of two ways: a thread for each sample, which is what statistics are defined
// by, or all threads on each, if that gives the same bits and is faster. Where rows of a batch
// meet, it is run as a whole, else sample by sample: memory does not depend on its size.
class TeamCollector : public Collector {
 public:
  TeamCollector(const Graph& prepared, const std::vector<PlannedLayer>& plan, const Dataset& data,
                const CalibrateOptions& options)
      : prepared_(prepared),
        plan_(plan),
        data_(data),
        options_(options),
        threads_(static_cast<int>(std::min<int64_t>(NumThreads(), data.size()))),
        session_(std::in_place, prepared),
        source_(data, options.batch_size, threads_),
        rows_apart_(session_->KeepsRowsApart(source_.First().feeds)),
        team_(MakeTeam(options.parallelism == Parallelism::kOps)),
        progress_(options, data.size()) {}

  void RunTo(int64_t end) override {
    if (source_.position() == 0) team_->Compile(FirstUnit());
    if (source_.position() == 0 && CanMeasure()) Measure();
    Run(end);
  }
  int64_t position() const override { return source_.position(); }
  Statistics Take() override { return team_->Take(); }
  void Put(Statistics statistics) override { team_->Put(std::move(statistics)); }

 private:
  std::unique_ptr<Team> MakeTeam(bool share_ops) const {
    return std::make_unique<Team>(*session_, plan_, data_,
                                  Team::Options{.members = share_ops ? 1 : threads_,
                                                .threads_per_member = share_ops ? threads_ : 1,
                                                .by_sample = rows_apart_});
  }

  bool CanMeasure() const {
    return options_.parallelism == Parallelism::kMeasured && threads_ > 1 &&
           data_.size() >= 32 * Round();
  }
  // Samples with which each member runs one unit.
  int64_t Round() const { return threads_ * (rows_apart_ ? 1 : options_.batch_size); }

  // The samples that are timed are among those that count; only the first unit is run twice more,
  // to compare. It is for long runs: where cores are shared with others, waiting threads make the
  // second way very slow.
  void Measure() {
    const Unit first = FirstUnit();
    Run(3 * Round());
    const double seconds = team_->SecondsPerSample();
    const auto left = static_cast<double>(data_.size() - source_.position());
    if (seconds * left < options_.measure_from_seconds) return;
    std::string seen = SerializeStatistics(Take());  // which takes less memory
    const size_t by_samples = DigestOfRun(first);
    ReplaceTeam(true);
    bool better = DigestOfRun(first) == by_samples;
    Put(ParseStatistics(seen));
    if (better) {
      Run(5 * Round());
      better = team_->SecondsPerSample() < 0.95 * seconds;  // times differ from run to run
    }
    if (better) return;
    seen = SerializeStatistics(Take());
    ReplaceTeam(false);
    Put(ParseStatistics(seen));
  }

  // The first sample, or the first batch where rows meet.
  Unit FirstUnit() {
    Unit unit = source_.First();
    if (!rows_apart_) return unit;
    unit.samples = 1;
    for (auto& [name, tensor] : unit.feeds) tensor = tensor.Rows(0, 1);
    return unit;
  }

  // Runs what was run before, to compare both ways; of the statistics of it alone.
  size_t DigestOfRun(const Unit& unit) {
    team_->Run(unit);
    SetNumThreads(options_.num_threads);
    return std::hash<std::string>()(SerializeStatistics(Take()));
  }

  // The other team's memory goes first, and the weights that only it wanted in this form.
  void ReplaceTeam(bool share_ops) {
    team_.reset();
    session_.emplace(prepared_);
    ReleaseFreeMemory();
    team_ = MakeTeam(share_ops);
  }

  void Run(int64_t end) {
    team_->Run(source_, end, [&](int64_t samples) { progress_.Add(samples); });
    SetNumThreads(options_.num_threads);  // the team's first member works on this thread
  }

  const Graph& prepared_;
  const std::vector<PlannedLayer>& plan_;
  const Dataset& data_;
  const CalibrateOptions& options_;
  const int threads_;
  std::optional<Session> session_;
  UnitSource source_;
  const bool rows_apart_;
  std::unique_ptr<Team> team_;
  BatchProgress progress_;
};

std::unique_ptr<Collector> MakeCollector(const Graph& prepared,
                                         const std::vector<PlannedLayer>& plan, const Dataset& data,
                                         const CalibrateOptions& options) {
  if (options.runner) return std::make_unique<RunnerCollector>(prepared, plan, data, options);
  return std::make_unique<TeamCollector>(prepared, plan, data, options);
}

}  // namespace

void CheckResumable(const Statistics& before, const Dataset& data,
                    const CalibrateOptions& options) {
  const SampleRange range = RangeOf(data, options);
  const SampleRange& rest = before.rest;
  const SampleRange seen{range.data, range.begin, rest.begin};
  const bool same = rest.data == range.data && rest.begin < rest.end && rest.end == range.end &&
                    before.samples == std::vector<SampleRange>{seen};
  Require(same, ErrorCode::kInvalidArgument, "is no checkpoint of samples ", range.begin, " to ",
          range.end - 1,
          ", which this run is to see; give the options of the run that wrote it, or begin anew");
}

Statistics CollectStatistics(const Graph& prepared, const std::vector<PlannedLayer>& plan,
                             const Dataset& data, const CalibrateOptions& options) {
  const SampleRange range = RangeOf(data, options);
  SetNumThreads(options.num_threads);
  if (options.resume) CheckResumable(*options.resume, data, options);
  const int64_t begin = options.resume ? options.resume->rest.begin : range.begin;
  const DatasetSlice slice(data, begin, range.end);
  const int64_t step = options.checkpoint_every > 0 ? options.checkpoint_every : slice.size();
  const std::unique_ptr<Collector> collector = MakeCollector(prepared, plan, slice, options);
  const auto take = [&] {
    Statistics statistics = collector->Take();
    statistics.origin = options.origin;
    return statistics;
  };
  if (options.resume) {
    Statistics before = take();
    before.Merge(*options.resume);
    collector->Put(std::move(before));
  }
  for (;;) {
    collector->RunTo(std::min(collector->position() + step, slice.size()));
    Statistics seen = take();
    const int64_t at = begin + collector->position();
    seen.samples = {{range.data, range.begin, at}};
    seen.rest = {at < range.end ? range.data : "", at < range.end ? at : 0,
                 at < range.end ? range.end : 0};
    if (at == range.end) return seen;
    options.checkpoint(seen);
    collector->Put(std::move(seen));
  }
}

}  // namespace adze
