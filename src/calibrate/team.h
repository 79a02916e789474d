#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "calibrate/statistics_probe.h"
#include "calibrate/unit_source.h"

namespace adze {

// Sessions that share a graph's weights and run different samples at the same time, each with its
// own statistics.
class Team {
 public:
  struct Options {
    int members = 1;             // each runs on a thread of its own
    int threads_per_member = 1;  // within an op
    bool by_sample = true;       // or by batch
  };
  Team(const Session& session, const std::vector<PlannedLayer>& plan, const Dataset& data,
       Options options);

  // Before the first run, with what it begins with: brings weights into the form that all members
  // read, on as many threads as they have together.
  void Compile(const Unit& first);
  // Runs the samples below `end`; `on_done` is called with the samples of each unit that is done,
  // one call at a time. Throws what the first bad sample threw, whichever member met it.
  void Run(UnitSource& source, int64_t end, const std::function<void(int64_t)>& on_done);
  // Of one batch that no source knows.
  void Run(const Unit& unit);
  // Of all that was run since the last call, without `samples`.
  Statistics Take();
  // What Take gives the next time, beside what is run until then; directly after a call of it.
  void Put(Statistics statistics);
  // What a sample takes when all members work, in seconds; without the members' first units, for
  // which they compile. Infinite if there were no others.
  double SecondsPerSample() const;

 private:
  struct Member {
    Member(const Session& session, const std::vector<PlannedLayer>& plan, const Dataset& data,
           SessionOptions options)
        : probe(plan, data, options.num_threads), session(session.Fork(&probe, options)) {}
    void Run(const Unit& unit);

    StatisticsProbe probe;
    Session session;
    bool compiled = false;
    double seconds = 0;
    int64_t samples = 0;
  };
  struct Failure;
  void Work(Member& member, UnitSource& source, int64_t end, Failure* failure,
            const std::function<void(int64_t)>& on_done);

  const Options options_;
  std::deque<Member> members_;
};

}  // namespace adze
