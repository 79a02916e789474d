#include "calibrate/team.h"

#include <chrono>
#include <exception>
#include <limits>

#include "adze/cancel.h"
#include "adze/parallel.h"

namespace adze {

// Samples are handed out in order, so that when one fails all before it are done or being run, and
// the first bad one is found whoever is faster.
struct Team::Failure {
  std::mutex mutex;
  std::exception_ptr error;
  int64_t sample = std::numeric_limits<int64_t>::max();

  void Add(int64_t at, std::exception_ptr thrown) {
    const std::lock_guard lock(mutex);
    if (at >= sample) return;
    sample = at;
    error = std::move(thrown);
  }
};

Team::Team(const Session& session, const std::vector<PlannedLayer>& plan, const Dataset& data,
           Options options)
    : options_(options) {
  const int each = options.threads_per_member;
  for (int i = 0; i < options.members; ++i) {
    members_.emplace_back(session, plan, data,
                          SessionOptions{.num_threads = each,
                                         .compiling_threads = i == 0 ? options.members * each : 0});
  }
}

void Team::Compile(const Unit& first) { members_[0].session.Compile(first.feeds); }

void Team::Member::Run(const Unit& unit) {
  const auto start = std::chrono::steady_clock::now();
  probe.StartBatch(unit.first_sample, unit.samples);
  session.Run(unit.feeds);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  if (compiled) {
    seconds += passed.count();
    samples += unit.samples;
  }
  compiled = true;
}

void Team::Work(Member& member, UnitSource& source, int64_t end, Failure* failure,
                const std::function<void(int64_t)>& on_done) {
  Unit unit;
  try {
    while (!CancelRequested() && source.Next(end, options_.by_sample, &unit)) {
      member.Run(unit);
      const std::lock_guard lock(failure->mutex);
      if (!CancelRequested()) on_done(unit.samples);
    }
  } catch (...) {
    source.Stop();
    failure->Add(unit.first_sample, std::current_exception());
  }
}

void Team::Run(UnitSource& source, int64_t end, const std::function<void(int64_t)>& on_done) {
  Failure failure;
  ParallelWorkers(static_cast<int>(members_.size()),
                  [&](int i) { Work(members_[i], source, end, &failure, on_done); });
  if (failure.error) std::rethrow_exception(failure.error);
  ThrowIfCancelled();
}

void Team::Run(const Unit& unit) { members_[0].Run(unit); }

Statistics Team::Take() {
  Statistics all = members_[0].probe.Take();
  for (size_t i = 1; i < members_.size(); ++i) all.Merge(members_[i].probe.Take());
  return all;
}

void Team::Put(Statistics statistics) { members_[0].probe.Put(std::move(statistics)); }

double Team::SecondsPerSample() const {
  double seconds = 0;
  int64_t samples = 0;
  for (const Member& member : members_) {
    seconds += member.seconds;
    samples += member.samples;
  }
  if (samples == 0) return std::numeric_limits<double>::infinity();
  return seconds / static_cast<double>(samples) / static_cast<double>(members_.size());
}

}  // namespace adze
