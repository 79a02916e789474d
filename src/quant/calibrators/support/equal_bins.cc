#include "quant/calibrators/support/equal_bins.h"

#include <algorithm>
#include <cmath>

namespace adze {
namespace {

// `below(edge)`: how many of the values in buckets are below an edge between two bins.
template <typename Below>
void AddBuckets(double min, double max, double all, const Below& below,
                std::vector<uint64_t>* bins) {
  const auto count = static_cast<double>(bins->size());
  int64_t before = 0;
  for (size_t i = 0; i < bins->size(); ++i) {
    const double edge = min + (max - min) * (static_cast<double>(i + 1) / count);
    const int64_t until = std::llrint(i + 1 == bins->size() ? all : below(edge));
    (*bins)[i] += std::max<int64_t>(until - before, 0);
    before = std::max(until, before);
  }
}

void AddPoint(double x, double count, double min, double max, std::vector<uint64_t>* bins) {
  const auto at = static_cast<int64_t>((x - min) / (max - min) * static_cast<double>(bins->size()));
  (*bins)[std::clamp<int64_t>(at, 0, static_cast<int64_t>(bins->size()) - 1)] +=
      static_cast<uint64_t>(count);
}

}  // namespace

std::vector<uint64_t> EqualBins(const Distribution& values, double min, double max, int num_bins) {
  std::vector<uint64_t> bins(num_bins);
  for (const Distribution::Point& point : values.points()) {
    AddPoint(point.value, point.count, min, max, &bins);
  }
  AddBuckets(
      min, max, values.in_buckets().count,
      [&](double edge) { return values.CountBucketsBelow(edge).count; }, &bins);
  return bins;
}

std::vector<uint64_t> EqualBinsOfAbsolute(const Distribution& values, double max, int num_bins) {
  std::vector<uint64_t> bins(num_bins);
  for (const Distribution::Point& point : values.points()) {
    AddPoint(std::fabs(point.value), point.count, 0, max, &bins);
  }
  AddBuckets(
      0, max, values.in_buckets().count,
      [&](double edge) {
        return values.CountBucketsBelow(edge).count - values.CountBucketsBelow(-edge).count;
      },
      &bins);
  return bins;
}

CalibratorParameter NumOfBins(int fallback) {
  return {.name = "num_of_bins",
          .fallback = static_cast<double>(fallback),
          .range = "one of 1024, 2048, 4096, 8192",
          .accepts = [](double x) { return x == 1024 || x == 2048 || x == 4096 || x == 8192; },
          .is_whole = true};
}

}  // namespace adze
