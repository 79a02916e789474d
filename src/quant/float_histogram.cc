#include "adze/float_histogram.h"

#include <bit>

#include "adze/error.h"
#include "quant/float_histogram_impl.h"

namespace adze {
namespace {

float FromKey(uint32_t key) { return std::bit_cast<float>(key << FloatBuckets::kShift); }

FloatHistogram::Bucket ToBucket(uint32_t key, FloatBuckets::Count count) {
  constexpr uint32_t kSign = 1u << (31 - FloatBuckets::kShift);
  const uint32_t magnitude = key & (kSign - 1);
  const double near = FromKey(magnitude), unit = FromKey(magnitude + 1) - near;
  const double sum = static_cast<double>(count.count) * near +
                     static_cast<double>(count.low_sum) * unit / (1 << FloatBuckets::kShift);
  if (key & kSign) return {-(near + unit), -near, count.count, -sum};
  return {near, near + unit, count.count, sum};
}

}  // namespace

FloatHistogram::FloatHistogram() : impl_(std::make_unique<Impl>()) {}
FloatHistogram::~FloatHistogram() = default;
FloatHistogram::FloatHistogram(FloatHistogram&&) noexcept = default;
FloatHistogram& FloatHistogram::operator=(FloatHistogram&&) noexcept = default;

void FloatHistogram::Observe(std::span<const float> values) {
  for (size_t begin = 0; begin < values.size(); begin += Sifted::kBlock) {
    impl_->ObserveBlock(
        values.subspan(begin, std::min<size_t>(Sifted::kBlock, values.size() - begin)));
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
  impl_->largest_negated.Add(other.impl_->largest_negated.Sorted());
}

uint64_t FloatHistogram::count() const {
  uint64_t count = 0;
  for (const Bucket& bucket : Buckets()) count += bucket.count;
  return count;
}

uint64_t FloatHistogram::count_nonfinite() const {
  uint64_t count = impl_->nonfinite;
  impl_->ForEachBucket(false, [&](uint32_t, FloatBuckets::Count bucket) { count += bucket.count; });
  return count;
}

std::vector<float> FloatHistogram::LargestValues() const { return impl_->largest.Sorted(); }

std::vector<float> FloatHistogram::SmallestValues() const {
  std::vector<float> values = impl_->largest_negated.Sorted();
  for (float& value : values) value = -value + 0.0f;
  return values;
}

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
  const std::vector<float> negated = impl_->largest_negated.Sorted();
  if (k >= 1 && k <= negated.size()) return -negated[k - 1] + 0.0f;
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
  impl_->ForEachBucket(true, [&](uint32_t key, FloatBuckets::Count count) {
    result.push_back(ToBucket(key, count));
  });
  std::sort(result.begin(), result.end(),
            [](const Bucket& a, const Bucket& b) { return a.low < b.low; });
  return result;
}

bool operator==(const FloatHistogram& a, const FloatHistogram& b) {
  return a.Buckets() == b.Buckets() && a.count_nonfinite() == b.count_nonfinite() &&
         a.impl_->largest.Sorted() == b.impl_->largest.Sorted() &&
         a.impl_->largest_negated.Sorted() == b.impl_->largest_negated.Sorted();
}

}  // namespace adze
