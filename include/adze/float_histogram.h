#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace adze {

// What calibration keeps of a stream of float32 values, in memory that does not grow with it.
//
// Up to kDistinct different values are counted one by one. Beyond that a bucket is named by the top
// bits of the float: sign, exponent and kMantissaBits of the mantissa, so no range has to be known.
// That fine are the 8 octaves up to the largest magnitude seen; each octave below has one bit less,
// down to 4, so that buckets are no wider than those above them. When a larger magnitude comes, the
// buckets that fall behind are added up. A bucket keeps how many values it saw and the sum of their
// remaining mantissa bits, which gives their exact mean. Beside it stand the kExtremes largest and
// smallest values. All of it is integers and maxima, so the same values give the same content
// whatever their order, their batches or the histograms that were merged; merging is addition.
//
// Values nearer to 0 than 2^-24 count as 0: no scale is below 2^-23, so they are quantized to 0.
class FloatHistogram {
 public:
  static constexpr int kMantissaBits = 9;
  static constexpr int kDistinct = 2048;
  static constexpr int kExtremes = 1024;
  static constexpr size_t kMostBytes = 256 << 10;

  // Values between `low` and `high` (equal: all have that value), `sum` of them all.
  struct Bucket {
    double low = 0, high = 0;
    uint64_t count = 0;
    double sum = 0;
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };

  FloatHistogram();
  ~FloatHistogram();
  FloatHistogram(FloatHistogram&&) noexcept;
  FloatHistogram& operator=(FloatHistogram&&) noexcept;

  void Observe(std::span<const float> values);
  void Merge(const FloatHistogram& other);

  uint64_t count() const;            // of finite values
  uint64_t count_nonfinite() const;  // of NaN and Inf
  // The k-th largest or smallest finite value, k = 1 ... count(). Exact up to kExtremes, beyond
  // that the mean of its bucket. kInternal if there is no such value.
  float Largest(uint64_t k) const;
  float Smallest(uint64_t k) const;
  // The `most` (up to kExtremes) largest values descending and smallest ascending, or all if there
  // are fewer.
  std::vector<float> LargestValues(size_t most) const;
  std::vector<float> SmallestValues(size_t most) const;
  // Every bucket that is not empty, ascending.
  std::vector<Bucket> Buckets() const;

  // Appends the content: the same bytes for the same content, on any machine. The form has no
  // version of its own; who writes files gives them one.
  void Serialize(std::string* bytes) const;
  // Takes what Serialize wrote off the front of `bytes`. kBadFile if it is cut short or damaged.
  static FloatHistogram Deserialize(std::string_view* bytes);

  // Memory in use, at most kMostBytes.
  size_t Bytes() const;

  // Whether the content is the same, bit for bit.
  friend bool operator==(const FloatHistogram& a, const FloatHistogram& b);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adze
