#include "quant/distribution.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "quant/float_buckets.h"

namespace adze {
namespace {

int64_t KeyOf(double x) {
  const auto magnitude = static_cast<float>(std::fabs(x));
  return std::bit_cast<uint32_t>(magnitude) >> FloatBuckets::kFineShift;
}

}  // namespace

// For a mean m (of u) in [1/3, 2/3] the density is the straight line 1 + slope (u - 1/2) with slope
// 12 (m - 1/2); else values crowd at one end and it is constant on [0, 2m) or [2m - 1, 1).
Distribution::Bucket Distribution::MakeBucket(const FloatHistogram::Bucket& from) {
  Bucket bucket{from.low, from.high - from.low, static_cast<double>(from.count)};
  const double mean = (from.sum / bucket.count - from.low) / bucket.width;
  if (mean < 1.0 / 3) {
    bucket.extent = 2 * std::max(mean, 0.0);
  } else if (mean > 2.0 / 3) {
    bucket.extent = 2 * std::max(1 - mean, 0.0);
    bucket.start = 1 - bucket.extent;
  } else {
    bucket.slope = 12 * (mean - 0.5);
  }
  return bucket;
}

Distribution::Moments Distribution::Bucket::Below(double point) const {
  const double u = (point - low) / width, from_start = u - start;
  // `extent` is 0 where all values are at one end.
  const double v = u >= 1                 ? 1
                   : from_start <= 0      ? 0
                   : from_start >= extent ? 1
                                          : from_start / extent;
  // Integrals of the density times 1, v and v^2, up to v.
  const double part0 = v + slope * v * (v - 1) / 2;
  const double part1 = v * v * (0.5 + slope * (v / 3 - 0.25));
  const double part2 = v * v * v * (1.0 / 3 + slope * (v / 4 - 1.0 / 6));
  // x = low + width (start + extent v)
  const double at = low + width * start, by = width * extent;
  return {count * part0, count * (at * part0 + by * part1),
          count * (at * at * part0 + 2 * at * by * part1 + by * by * part2)};
}

// A channel whose weights died has one value everywhere, so that its bucket has far more values
// than its neighbours: what it has more is taken for one value, and lies where it gives the
// bucket's sum. Takes it out of `bucket`, which is buckets[i]; a count of 0 if there is none.
Distribution::Point Distribution::TakeRepeated(std::span<const FloatHistogram::Bucket> buckets,
                                               size_t i, FloatHistogram::Bucket* bucket) {
  constexpr uint64_t kFewest = 64, kTimes = 4;
  uint64_t others = 0;  // as many as a neighbour has
  for (const size_t neighbour : {i - 1, i + 1}) {
    if (neighbour >= buckets.size()) continue;
    const FloatHistogram::Bucket& near = buckets[neighbour];
    const bool touches = near.high == bucket->low || near.low == bucket->high;
    if (touches && near.low < near.high) others = std::max(others, near.count);
  }
  if (bucket->count < kFewest || bucket->count < kTimes * others) return {};
  const auto count = static_cast<double>(bucket->count - others);
  const double sum_of_others =
      static_cast<double>(others) * (bucket->low + (bucket->high - bucket->low) / 2);
  const double value = std::clamp((bucket->sum - sum_of_others) / count, bucket->low, bucket->high);
  bucket->count = others;
  bucket->sum = sum_of_others;
  return {value, count};
}

// A bucket whose values are all among the largest (or the smallest) is told apart into them: far
// out a bucket holds few values and is much wider than the scale of 16 bits.
Distribution::Distribution(const FloatHistogram& values) {
  constexpr size_t kTail = 256;  // values on either side; each costs SquaredError as a level does
  const std::vector<FloatHistogram::Bucket> all_buckets = values.Buckets();
  std::span<const FloatHistogram::Bucket> buckets(all_buckets);
  std::map<double, double> points;
  // Takes buckets off the end of the list that holds the next of these values.
  const auto take = [&](std::span<const float> tail, auto end, auto drop) {
    while (!buckets.empty() && end()->low < end()->high && end()->count <= tail.size()) {
      const auto count = static_cast<size_t>(end()->count);
      const auto [low, high] = std::minmax_element(tail.begin(), tail.begin() + count);
      if (*low < end()->low || *high > end()->high) break;
      for (size_t i = 0; i < count; ++i) ++points[tail[i]];
      tail = tail.subspan(count);
      drop();
    }
  };
  take(
      values.LargestValues(kTail), [&] { return std::prev(buckets.end()); },
      [&] { buckets = buckets.first(buckets.size() - 1); });
  take(
      values.SmallestValues(kTail), [&] { return buckets.begin(); },
      [&] { buckets = buckets.subspan(1); });
  buckets_.reserve(buckets.size());
  prefix_.reserve(buckets.size() + 1);

  Moments in_points, in_buckets;
  for (size_t i = 0; i < buckets.size(); ++i) {
    FloatHistogram::Bucket bucket = buckets[i];
    if (bucket.low == bucket.high) {
      points[bucket.low] += static_cast<double>(bucket.count);
      continue;
    }
    if (const Point repeated = TakeRepeated(buckets, i, &bucket); repeated.count > 0) {
      points[repeated.value] += repeated.count;
      if (bucket.count == 0) continue;
    }
    buckets_.push_back(MakeBucket(bucket));
    prefix_.push_back(in_buckets);
    in_buckets = in_buckets + buckets_.back().Below(bucket.high);
  }
  prefix_.push_back(in_buckets);
  for (const auto& [value, count] : points) {
    points_.push_back({value, count});
    point_prefix_.push_back(in_points);
    in_points = in_points + Moments{count, value * count, value * value * count};
  }
  point_prefix_.push_back(in_points);
  if (!buckets_.empty()) MakeIndex();
}

void Distribution::MakeIndex() {
  least_key_ = std::numeric_limits<int64_t>::max();
  std::vector<double> middles;
  for (const Bucket& bucket : buckets_) {
    middles.push_back(bucket.low + bucket.width / 2);
    least_key_ = std::min(least_key_, KeyOf(middles.back()));
  }
  lowest_order_ = Order(middles.front());
  first_.assign(Order(middles.back()) - lowest_order_ + 1, 0);
  for (size_t i = 0, next = 0; i < first_.size(); ++i) {
    first_[i] = static_cast<int32_t>(next);
    if (Order(middles[next]) == lowest_order_ + static_cast<int64_t>(i)) ++next;
  }
}

// Ascends with x: 1, 2 ... for positive values from the least magnitude of a bucket on, -1, -2 ...
// for negative ones, 0 in between.
int64_t Distribution::Order(double x) const {
  const int64_t order = std::max<int64_t>(KeyOf(x) - least_key_ + 1, 0);
  return x < 0 ? -order : order;
}

Distribution::Moments Distribution::BucketsBelow(double point) const {
  if (buckets_.empty() || point <= lowest_bucket()) return {};
  if (point >= highest_bucket()) return prefix_.back();
  const int64_t at =
      std::clamp<int64_t>(Order(point) - lowest_order_, 0, static_cast<int64_t>(first_.size()) - 1);
  int32_t i = first_[at];
  // A coarse bucket spans many keys; those behind its middle lead to the next one.
  if (i > 0 && point < buckets_[i - 1].low + buckets_[i - 1].width) --i;
  return point <= buckets_[i].low ? prefix_[i] : prefix_[i] + buckets_[i].Below(point);
}

Distribution::Moments Distribution::PointsBelow(double point) const {
  const auto next = std::lower_bound(points_.begin(), points_.end(), point,
                                     [](const Point& a, double b) { return a.value < b; });
  return point_prefix_[next - points_.begin()];
}

}  // namespace adze
