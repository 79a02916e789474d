#include "adze/float_histogram.h"

#include <bit>
#include <cmath>

#include "adze/error.h"
#include "quant/float_histogram_impl.h"

namespace adze {
namespace {

FloatHistogram::Bucket ToBucket(bool negative, FloatBuckets::Bounds bounds,
                                FloatBuckets::Count count) {
  const double near = std::bit_cast<float>(bounds.first);
  // The bucket below infinity ends where the next exponent would begin.
  const double unit = std::ldexp(1.0, static_cast<int>(bounds.first >> 23) - 150);
  const double width = std::ldexp(unit, bounds.shift);
  const double sum =
      static_cast<double>(count.count) * near + static_cast<double>(count.low_sum) * unit;
  if (negative) return {-(near + width), -near, count.count, -sum};
  return {near, near + width, count.count, sum};
}

}  // namespace

FloatHistogram::FloatHistogram() : impl_(std::make_unique<Impl>()) {}
FloatHistogram::~FloatHistogram() = default;
FloatHistogram::FloatHistogram(FloatHistogram&&) noexcept = default;
FloatHistogram& FloatHistogram::operator=(FloatHistogram&&) noexcept = default;

void FloatHistogram::Observe(std::span<const float> values) {
  FloatScatter scatter(&impl_->buckets);
  for (size_t begin = 0; begin < values.size(); begin += Sifted::kBlock) {
    impl_->ObserveBlock(
        values.subspan(begin, std::min<size_t>(Sifted::kBlock, values.size() - begin)), &scatter);
  }
}

void FloatHistogram::Merge(const FloatHistogram& other) {
  impl_->zeros += other.impl_->zeros;
  impl_->nonfinite += other.impl_->nonfinite;
  if (other.impl_->distinct) {
    impl_->MergeDistinct(*other.impl_->distinct);
  } else {
    if (impl_->distinct) impl_->Spill();
    impl_->buckets.Merge(other.impl_->buckets);
  }
  impl_->largest.Add(other.impl_->largest.Sorted());
  impl_->smallest.Add(other.impl_->smallest.Sorted());
}

uint64_t FloatHistogram::count() const {
  uint64_t count = 0;
  for (const Bucket& bucket : Buckets()) count += bucket.count;
  return count;
}

uint64_t FloatHistogram::count_nonfinite() const { return impl_->nonfinite; }

std::vector<float> FloatHistogram::LargestValues() const { return impl_->largest.Sorted(); }

std::vector<float> FloatHistogram::SmallestValues() const { return impl_->smallest.Sorted(); }

float FloatHistogram::Largest(uint64_t k) const {
  const std::vector<float> largest = impl_->largest.Sorted();
  if (k >= 1 && k <= largest.size()) return largest[k - 1];
  const std::vector<Bucket> buckets = Buckets();
  uint64_t above = 0;
  for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
    above += bucket->count;
    if (k >= 1 && above >= k) {
      return static_cast<float>(bucket->sum / static_cast<double>(bucket->count));
    }
  }
  throw Error(ErrorCode::kInternal, "rank " + std::to_string(k) + " of too few values");
}

float FloatHistogram::Smallest(uint64_t k) const {
  const std::vector<float> smallest = impl_->smallest.Sorted();
  if (k >= 1 && k <= smallest.size()) return smallest[k - 1];
  return Largest(count() + 1 - k);
}

std::vector<FloatHistogram::Bucket> FloatHistogram::Buckets() const {
  std::vector<Bucket> result;
  if (impl_->zeros > 0) result.push_back({0, 0, impl_->zeros, 0});
  if (impl_->distinct) {
    for (const auto& [value, count] : impl_->distinct->Sorted()) {
      result.push_back(
          {value, value, count, static_cast<double>(value) * static_cast<double>(count)});
    }
  }
  impl_->buckets.ForEach(
      [&](bool negative, FloatBuckets::Bounds bounds, FloatBuckets::Count count) {
        result.push_back(ToBucket(negative, bounds, count));
      });
  std::sort(result.begin(), result.end(),
            [](const Bucket& a, const Bucket& b) { return a.low < b.low; });
  return result;
}

size_t FloatHistogram::Bytes() const {
  return sizeof(Impl) + impl_->buckets.Bytes() + impl_->largest.Bytes() + impl_->smallest.Bytes() +
         (impl_->distinct ? impl_->distinct->Bytes() : 0);
}

bool operator==(const FloatHistogram& a, const FloatHistogram& b) {
  std::string bytes_of_a, bytes_of_b;
  a.Serialize(&bytes_of_a);
  b.Serialize(&bytes_of_b);
  return bytes_of_a == bytes_of_b;
}

}  // namespace adze
