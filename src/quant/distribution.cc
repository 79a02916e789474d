#include "quant/distribution.h"

#include <iterator>
#include <limits>
#include <map>

namespace adze {

// For a mean m, of u = (x - low) / width, in [1/3, 2/3] the density is the straight line
// 1 + slope (u - 1/2) with slope 12 (m - 1/2); else values crowd at one end and it is constant on
// [0, 2m) or [2m - 1, 1).
Distribution::Bucket Distribution::MakeBucket(const FloatHistogram::Bucket& from) {
  const double width = from.high - from.low;
  Bucket bucket{.low = from.low,
                .high = from.high,
                .count = static_cast<double>(from.count),
                .start = from.low,
                .extent = width};
  const double mean = (from.sum / bucket.count - from.low) / width;
  if (mean < 1.0 / 3) {
    bucket.extent = width * 2 * std::max(mean, 0.0);
  } else if (mean > 2.0 / 3) {
    bucket.extent = width * 2 * std::max(1 - mean, 0.0);
    bucket.start = from.high - bucket.extent;
  } else {
    bucket.slope = 12 * (mean - 0.5);
  }
  constexpr double kHuge = 1e300;
  bucket.per_extent = std::min(1 / bucket.extent, kHuge);
  return bucket;
}

Distribution::Moments Distribution::Bucket::Below(double point) const {
  const Part part = PartBelow(point);
  const double v = part.v;
  const double part0 = v * (1 + slope * 0.5 * (v - 1));
  const double part1 = v * v * (0.5 + slope * (v * (1.0 / 3) - 0.25));
  const double part2 = v * v * v * (1.0 / 3 + slope * (v * 0.25 - 1.0 / 6));
  return {part.count, part.sum,
          count * (start * start * part0 + 2 * start * extent * part1 + extent * extent * part2)};
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

  Moments in_points;
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
    buckets_.back().before = in_buckets_;
    in_buckets_ = in_buckets_ + buckets_.back().Below(std::numeric_limits<double>::infinity());
  }
  for (const auto& [value, count] : points) {
    points_.push_back({value, count});
    point_prefix_.push_back(in_points);
    in_points = in_points + Moments{count, value * count, value * value * count};
  }
  point_prefix_.push_back(in_points);
  if (!buckets_.empty()) MakeIndex();
}

void Distribution::MakeIndex() {
  const auto middle = [](const Bucket& bucket) {
    return bucket.low + (bucket.high - bucket.low) / 2;
  };
  least_key_ = std::numeric_limits<int64_t>::max();
  for (const Bucket& bucket : buckets_) least_key_ = std::min(least_key_, KeyOf(middle(bucket)));
  lowest_order_ = Order(middle(buckets_.front()));
  first_.clear();
  first_.reserve(Order(middle(buckets_.back())) - lowest_order_ + 1);
  for (size_t i = 0; i < buckets_.size(); ++i) {
    first_.resize(Order(middle(buckets_[i])) - lowest_order_ + 1, static_cast<int32_t>(i));
  }
}

Distribution::Moments Distribution::BucketsBelow(double point) const {
  if (buckets_.empty() || point <= lowest_bucket()) return {};
  if (point >= highest_bucket()) return in_buckets_;
  const Bucket& bucket = buckets_[BucketAt(point)];
  return bucket.before + bucket.Below(point);
}

Distribution::Moments Distribution::PointsBelow(double point) const {
  const auto next = std::lower_bound(points_.begin(), points_.end(), point,
                                     [](const Point& a, double b) { return a.value < b; });
  return point_prefix_[next - points_.begin()];
}

}  // namespace adze
