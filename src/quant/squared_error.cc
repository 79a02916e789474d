#include "quant/squared_error.h"

#include <algorithm>
#include <cmath>

namespace adze {
namespace {

using Moments = Distribution::Moments;

// Levels on either side of 0 whose values are rounded one level at a time. Beyond, a bucket is as
// wide as the scale or wider (it has 2^-9 of its value's power of two), and its values are taken
// for spread evenly over the interval that rounds to a level: scale^2 / 12 each. 8 bits never get
// there; 16 bits do, and the error found stays within what the chance of rounding does to it.
constexpr int64_t kFineLevels = 1 << FloatHistogram::kMantissaBits << 1;

int64_t Lowest(const QuantParams& params) {
  return int64_t{QuantMin(params.spec.num_bits)} - params.zero_point[0];
}
int64_t Highest(const QuantParams& params) {
  return int64_t{QuantMax(params.spec.num_bits)} - params.zero_point[0];
}

}  // namespace

double SquaredError::Of(const QuantParams& params) const {
  return Of(params.scale[0], Lowest(params), Highest(params));
}

double SquaredError::OfClipped(const QuantParams& params) const {
  return OfClipped(params.scale[0], Lowest(params), Highest(params));
}

double SquaredError::Of(double scale, int64_t lowest, int64_t highest) const {
  const double count = values_.all().count;
  if (count == 0) return 0;
  return (SumInPoints(scale, lowest, highest) + SumInBuckets(scale, lowest, highest)) / count;
}

double SquaredError::OfClipped(double scale, int64_t lowest, int64_t highest) const {
  const Moments all = values_.all();
  if (all.count == 0) return 0;
  const auto low = static_cast<double>(lowest), high = static_cast<double>(highest);
  const Moments below = values_.Below((low - 0.5) * scale);
  const Moments above = all - values_.Below((high + 0.5) * scale);
  return (std::max(0.0, below.SquaresAround(low * scale)) +
          std::max(0.0, above.SquaresAround(high * scale))) /
         all.count;
}

double SquaredError::SumInPoints(double scale, int64_t lowest, int64_t highest) const {
  // Adding and taking away 1.5 * 2^52 rounds half to even, in vectors.
  constexpr double kToInteger = 6755399441055744.0;
  const auto low = static_cast<double>(lowest), high = static_cast<double>(highest);
  double sum = 0;
  for (const Distribution::Point& point : values_.points()) {
    double q = point.value / scale;
    q = q < low ? low : q > high ? high : q;
    q = (q + kToInteger) - kToInteger;
    const double error = q * scale - point.value;
    sum += point.count * error * error;
  }
  return sum;
}

// Within the levels -kFineLevels ... kFineLevels
//   sum (x - s q)^2 = sum x^2 - 2 s sum q x + s^2 sum q^2,
// and q steps up by one at each (q + 1/2) s: with N and S the count and sum of the values above
// that step,
//   sum q x = lowest S_all + sum over steps of S
//   sum q^2 = lowest^2 N_all + sum over steps of ((q + 1)^2 - q^2) N
double SquaredError::SumInBuckets(double scale, int64_t lowest, int64_t highest) const {
  const Moments all = values_.in_buckets();
  if (all.count == 0) return 0;
  // Levels below or above all values have none of them.
  const int64_t first =
      std::clamp<int64_t>(std::llrint(values_.lowest_bucket() / scale) - 1, lowest, highest);
  const int64_t last =
      std::clamp<int64_t>(std::llrint(values_.highest_bucket() / scale) + 1, first, highest);
  const int64_t fine_first = std::clamp(-kFineLevels, first, last);
  const int64_t fine_last = std::clamp(kFineLevels, first, last);
  const auto edge = [&](int64_t q) { return (static_cast<double>(q) + 0.5) * scale; };

  double sum = 0;
  Moments low, high = all;  // of what is below the fine levels, and below their end
  if (first < fine_first) {
    low = values_.BucketsBelow(edge(fine_first - 1));
    const Moments clipped = values_.BucketsBelow(edge(first - 1));
    sum += clipped.SquaresAround(static_cast<double>(first) * scale) +
           (low.count - clipped.count) * scale * scale / 12;
  }
  if (fine_last < last) {
    high = values_.BucketsBelow(edge(fine_last));
    const Moments rounded = values_.BucketsBelow(edge(last));
    sum += (all - rounded).SquaresAround(static_cast<double>(last) * scale) +
           (rounded.count - high.count) * scale * scale / 12;
  }
  const Moments fine = high - low;
  const auto base = static_cast<double>(fine_first);
  double sum_qx = base * fine.sum, sum_qq = base * base * fine.count;
  for (int64_t q = fine_first; q < fine_last; ++q) {
    const Moments below = values_.CountBucketsBelow(edge(q));
    sum_qx += high.sum - below.sum;
    sum_qq += static_cast<double>(2 * q + 1) * (high.count - below.count);
  }
  return sum + fine.square - 2 * scale * sum_qx + scale * scale * sum_qq;
}

}  // namespace adze
