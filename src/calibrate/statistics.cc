#include "adze/statistics.h"

#include <algorithm>
#include <tuple>

#include "adze/error.h"
#include "adze/parallel.h"

namespace adze {
namespace {

bool Precedes(const SampleRange& a, const SampleRange& b) {
  return std::tie(a.data, a.begin) < std::tie(b.data, b.begin);
}

// "samples 3 to 9 of 'calibration'".
std::string ToString(const SampleRange& range) {
  const bool one = range.end - range.begin == 1;
  return (one ? "sample " : "samples ") + std::to_string(range.begin) +
         (one ? "" : " to " + std::to_string(range.end - 1)) +
         (range.data.empty() ? "" : " of '" + range.data + "'");
}

// Ascending, neighbours as one.
std::vector<SampleRange> Join(std::vector<SampleRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), Precedes);
  std::vector<SampleRange> joined;
  for (const SampleRange& range : ranges) {
    if (range.begin == range.end) continue;
    if (!joined.empty() && joined.back().data == range.data) {
      SampleRange& last = joined.back();
      Require(last.end <= range.begin, ErrorCode::kInvalidArgument, "would count ",
              ToString({range.data, range.begin, std::min(last.end, range.end)}),
              " twice; merge each part once");
      if (last.end == range.begin) {
        last.end = range.end;
        continue;
      }
    }
    joined.push_back(range);
  }
  return joined;
}

}  // namespace

int64_t Statistics::num_samples() const {
  int64_t count = 0;
  for (const SampleRange& range : samples) count += range.end - range.begin;
  return count;
}

const TapStatistics* Statistics::Find(std::string_view tensor) const {
  const auto found = std::find_if(taps.begin(), taps.end(),
                                  [&](const TapStatistics& tap) { return tap.tensor == tensor; });
  return found == taps.end() ? nullptr : &*found;
}

void Statistics::CheckOrigin(const StatisticsOrigin& wanted) const {
  constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;
  const auto same = [](const std::string& a, const std::string& b) {
    return a.empty() || b.empty() || a == b;
  };
  Require(same(origin.graph, wanted.graph), kBad, "was made from another graph (", origin.graph,
          " instead of ", wanted.graph,
          "): another model, other --outputs or --input-shape, or other fusions in the config");
  Require(same(origin.feeding, wanted.feeding), kBad, "was made with other preprocessing: '",
          origin.feeding, "' instead of '", wanted.feeding, "'");
}

void Statistics::CheckComplete() const {
  Require(rest.begin == rest.end, ErrorCode::kInvalidArgument, "is not complete, it lacks ",
          ToString(rest), "; finish it with the same `adze calibrate` and --resume");
}

void Statistics::Merge(const Statistics& other) {
  other.CheckOrigin(origin);
  const auto same = [](const TapStatistics& a, const TapStatistics& b) {
    const size_t ours = a.channels.max_abs.size(), theirs = b.channels.max_abs.size();
    return a.tensor == b.tensor && (ours == theirs || ours == 0 || theirs == 0);
  };
  Require(std::equal(taps.begin(), taps.end(), other.taps.begin(), other.taps.end(), same),
          ErrorCode::kInvalidArgument,
          "is of other tensors; make all parts with the same settings");
  std::vector<SampleRange> all = samples;
  all.insert(all.end(), other.samples.begin(), other.samples.end());
  samples = Join(std::move(all));
  RunTasks(static_cast<int64_t>(taps.size()), [&](int64_t i) {
    taps[i].histogram.Merge(other.taps[i].histogram);
    taps[i].channels.Merge(other.taps[i].channels);
  });
}

}  // namespace adze
