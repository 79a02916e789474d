#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "adze/float_histogram.h"

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
  Moments all() const { return point_prefix_.back() + prefix_.back(); }
  // The two kinds apart. Points ascend.
  const std::vector<Point>& points() const { return points_; }
  Moments BucketsBelow(double point) const;
  Moments in_buckets() const { return prefix_.back(); }
  double lowest_bucket() const { return buckets_.front().low; }
  double highest_bucket() const { return buckets_.back().low + buckets_.back().width; }

 private:
  // On u = (x - low) / width the values lie in [start, start + extent) and have there, with
  // v = (u - start) / extent, the density 1 + slope (v - 1/2).
  struct Bucket {
    double low, width, count;
    double start = 0, extent = 1, slope = 0;
    Moments Below(double point) const;
  };
  static Bucket MakeBucket(const FloatHistogram::Bucket& from);
  static Point TakeRepeated(std::span<const FloatHistogram::Bucket> buckets, size_t i,
                            FloatHistogram::Bucket* bucket);
  void MakeIndex();
  Moments PointsBelow(double point) const;
  int64_t Order(double x) const;

  std::vector<Point> points_;
  std::vector<Moments> point_prefix_;  // below points_[i]; one more for all
  std::vector<Bucket> buckets_;
  std::vector<Moments> prefix_;  // below buckets_[i]; one more for all
  // Where a value belongs is read off its bits: first_[Order(x) - lowest_order_] is the first
  // bucket that is not below that of x.
  std::vector<int32_t> first_;
  int64_t least_key_ = 0, lowest_order_ = 0;
};

}  // namespace adze
