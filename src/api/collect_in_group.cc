#include "api/collect_in_group.h"

#include "adze/process_group.h"

namespace adze {
namespace {

// Pairs, then pairs of pairs: what process i has goes to process i minus its lowest bit. False if
// it went away.
bool Reduce(const ProcessGroup& group, Statistics* statistics) {
  for (int step = 1; step < group.size(); step *= 2) {
    if (group.rank() & step) {
      group.Send(group.rank() - step, SerializeStatistics(*statistics));
      return false;
    }
    if (group.rank() + step < group.size()) {
      statistics->Merge(ParseStatistics(group.Receive(group.rank() + step)));
    }
  }
  return true;
}

}  // namespace

std::optional<Statistics> CollectInGroup(const PreparedModel& model, const DataSource& source,
                                         const Dataset& data, CalibrateOptions options) {
  ProcessGroup& group = ProcessGroup::World();
  group.CheckUsable();
  options.shard.index = options.shard.index * group.size() + group.rank();
  options.shard.count *= group.size();
  options.origin = OriginOf(model, source);
  options.progress = [&group, progress = options.progress](int64_t done, int64_t all) {
    group.StopIfOtherFailed();
    if (progress) progress(done, all);
  };
  Statistics statistics = CollectStatistics(model.graph, model.plan.layers, data, options);
  Require(group.Settle(ProcessGroup::Outcome::kFine) == group.size(), ErrorCode::kCancelled,
          "another process failed; nothing was written");
  if (!Reduce(group, &statistics)) return std::nullopt;
  return statistics;
}

}  // namespace adze
