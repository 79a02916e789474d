#include "quant/squared_error.h"

#include <algorithm>
#include <cmath>

namespace adze {
namespace {

using Bucket = FloatHistogram::Bucket;

// The values within a bucket, on [0, 1): a density that has the bucket's mean m. For m in
// [1/3, 2/3] it is the straight line 1 + slope (u - 1/2), slope = 12 (m - 1/2); else values crowd
// at one end and it is constant on [0, 2m) or [2m - 1, 1).
struct Density {
  double start = 0, width = 1, slope = 0;

  explicit Density(double mean) {
    if (mean < 1.0 / 3) {
      width = 2 * std::max(mean, 0.0);
    } else if (mean > 2.0 / 3) {
      width = 2 * std::max(1 - mean, 0.0);
      start = 1 - width;
    } else {
      slope = 12 * (mean - 0.5);
    }
  }

  // Integrals over [start, start + v width) of 1, v and v^2.
  static double Moment0(double v, double slope) { return v + slope * (v * v - v) / 2; }
  static double Moment1(double v, double slope) {
    return v * v / 2 + slope * (v * v * v / 3 - v * v / 4);
  }
  double mean_square() const {
    const double second = 1.0 / 3 + slope / 12;  // integral of v^2 (1 + slope (v - 1/2))
    return start * start + 2 * start * width * Moment1(1, slope) + width * width * second;
  }
};

Density DensityOf(const Bucket& bucket) {
  const double mean = bucket.sum / static_cast<double>(bucket.count);
  return Density((mean - bucket.low) / (bucket.high - bucket.low));
}

}  // namespace

SquaredError::SquaredError(const FloatHistogram& values) {
  Prefix below;
  for (const Bucket& bucket : values.Buckets()) {
    if (bucket.low == bucket.high) {
      points_.push_back(bucket);
      continue;
    }
    buckets_.push_back(bucket);
    lows_.push_back(bucket.low);
    prefix_.push_back(below);
    const auto count = static_cast<double>(bucket.count);
    below.count += count;
    below.sum += bucket.sum;
    // sum (low + u w)^2 = n low^2 + 2 low (sum - n low) + w^2 sum u^2
    const double width = bucket.high - bucket.low;
    square_sum_ += bucket.low * (2 * bucket.sum - count * bucket.low) +
                   count * width * width * DensityOf(bucket).mean_square();
  }
  prefix_.push_back(below);
}

SquaredError::Prefix SquaredError::Below(double point) const {
  const auto next = std::upper_bound(lows_.begin(), lows_.end(), point);
  if (next == lows_.begin()) return {};
  const size_t i = next - lows_.begin() - 1;
  const Bucket& bucket = buckets_[i];
  if (point >= bucket.high) return prefix_[i + 1];
  const double width = bucket.high - bucket.low;
  const Density density = DensityOf(bucket);
  const double u = (point - bucket.low) / width - density.start;
  const double v = u <= 0 ? 0 : u >= density.width ? 1 : u / density.width;
  const double part0 = Density::Moment0(v, density.slope);
  const double part1 = density.start * part0 + density.width * Density::Moment1(v, density.slope);
  const auto count = static_cast<double>(bucket.count);
  return {prefix_[i].count + count * part0,
          prefix_[i].sum + count * (bucket.low * part0 + width * part1)};
}

double SquaredError::Of(double scale, int64_t lowest, int64_t highest) const {
  double sum = SumInBuckets(scale, lowest, highest), count = prefix_.back().count;
  for (const Bucket& point : points_) {
    const double q = std::clamp(std::nearbyint(point.low / scale), static_cast<double>(lowest),
                                static_cast<double>(highest));
    const double error = q * scale - point.low;
    sum += static_cast<double>(point.count) * error * error;
    count += static_cast<double>(point.count);
  }
  return count > 0 ? sum / count : 0;
}

// sum (x - s q)^2 = sum x^2 - 2 s sum q x + s^2 sum q^2, and q steps up by one at each
// (q + 1/2) s: with N and S the count and sum of the values above that step,
//   sum q x   = lowest S_all + sum over steps of S
//   sum q^2   = lowest^2 N_all + sum over steps of ((q + 1)^2 - q^2) N
double SquaredError::SumInBuckets(double scale, int64_t lowest, int64_t highest) const {
  if (buckets_.empty()) return 0;
  const Prefix all = prefix_.back();
  // Steps below or above all values count for all or for none of them.
  const auto first =
      std::clamp<int64_t>(std::llrint(buckets_.front().low / scale) - 1, lowest, highest);
  const auto last =
      std::clamp<int64_t>(std::llrint(buckets_.back().high / scale) + 1, first, highest);
  const auto base = static_cast<double>(first);
  double sum_qx = base * all.sum, sum_qq = base * base * all.count;
  for (int64_t q = first; q < last; ++q) {
    const Prefix below = Below((static_cast<double>(q) + 0.5) * scale);
    sum_qx += all.sum - below.sum;
    sum_qq += static_cast<double>(2 * q + 1) * (all.count - below.count);
  }
  return square_sum_ - 2 * scale * sum_qx + scale * scale * sum_qq;
}

}  // namespace adze
