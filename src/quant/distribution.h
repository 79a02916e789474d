#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "adze/float_histogram.h"
#include "quant/float_buckets.h"

namespace adze {

// The values of a histogram, to ask how many lie below a point: exact for values that it counts one
// by one and for the few largest and smallest; within a bucket they are spread by a density that
// has the bucket's mean.
class Distribution {
 public:
  // Number of some values, their sum and the sum of their squares.
  struct Moments {
    double count = 0, sum = 0, square = 0;
    Moments operator+(const Moments& o) const {
      return {count + o.count, sum + o.sum, square + o.square};
    }
    Moments operator-(const Moments& o) const {
      return {count - o.count, sum - o.sum, square - o.square};
    }
    // Sum of (x - center)^2.
    double SquaresAround(double center) const {
      return square + center * (center * count - 2 * sum);
    }
  };
  struct Point {
    double value = 0, count = 0;
  };

  explicit Distribution(const FloatHistogram& values);

  // Values below `point`; one that equals it is not.
  Moments Below(double point) const { return PointsBelow(point) + BucketsBelow(point); }
  Moments all() const { return point_prefix_.back() + in_buckets_; }
  // The two kinds apart. Points ascend.
  const std::vector<Point>& points() const { return points_; }
  Moments BucketsBelow(double point) const;
  // The same without `square`, which is left 0: faster.
  Moments CountBucketsBelow(double point) const {
    if (buckets_.empty() || point <= lowest_bucket()) return {};
    if (point >= highest_bucket()) return {in_buckets_.count, in_buckets_.sum};
    const Bucket& bucket = buckets_[BucketAt(point)];
    const Part part = bucket.PartBelow(point);
    return {bucket.before.count + part.count, bucket.before.sum + part.sum};
  }
  Moments in_buckets() const { return in_buckets_; }
  double lowest_bucket() const { return buckets_.front().low; }
  double highest_bucket() const { return buckets_.back().high; }

 private:
  struct Part {
    double v, count, sum;
  };
  // The values lie in [start, start + extent) and have there, with v = (x - start) / extent, the
  // density 1 + slope (v - 1/2).
  struct Bucket {
    double low, high, count;
    double start, extent, slope = 0;
    double per_extent = 0;  // 1 / extent; huge if all are at `start`
    Moments before = {};    // of the buckets below

    // With integrals of the density times 1 and v.
    Part PartBelow(double point) const {
      const double v = std::clamp((point - start) * per_extent, 0.0, 1.0);
      const double part0 = v * (1 + slope * 0.5 * (v - 1));
      const double part1 = v * v * (0.5 + slope * (v * (1.0 / 3) - 0.25));
      return {v, count * part0, count * (start * part0 + extent * part1)};
    }
    Moments Below(double point) const;
  };
  static Bucket MakeBucket(const FloatHistogram::Bucket& from);
  static Point TakeRepeated(std::span<const FloatHistogram::Bucket> buckets, size_t i,
                            FloatHistogram::Bucket* bucket);
  void MakeIndex();
  Moments PointsBelow(double point) const;

  static int64_t KeyOf(double x) {
    return std::bit_cast<uint32_t>(static_cast<float>(std::fabs(x))) >> FloatBuckets::kFineShift;
  }
  // Ascends with x: 1, 2 ... for positive values from the least magnitude of a bucket on, -1, -2 ...
  // for negative ones, 0 in between.
  int64_t Order(double x) const {
    const int64_t order = std::max<int64_t>(KeyOf(x) - least_key_ + 1, 0);
    return x < 0 ? -order : order;
  }
  // The bucket that holds a point between the lowest and the highest, or else the first above it.
  size_t BucketAt(double point) const {
    const int64_t at = std::clamp<int64_t>(Order(point) - lowest_order_, 0,
                                           static_cast<int64_t>(first_.size()) - 1);
    const size_t i = first_[at];
    // A coarse bucket spans many keys; those behind its middle lead to the next one.
    return i > 0 && point < buckets_[i - 1].high ? i - 1 : i;
  }

  std::vector<Point> points_;
  std::vector<Moments> point_prefix_;  // below points_[i]; one more for all
  std::vector<Bucket> buckets_;
  Moments in_buckets_;  // all of them
  // Where a value belongs is read off its bits: first_[Order(x) - lowest_order_] is the first
  // bucket that is not below that of x.
  std::vector<int32_t> first_;
  int64_t least_key_ = 0, lowest_order_ = 0;
};

}  // namespace adze
