#include "adze/float_histogram.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "adze/error.h"
#include "quant/float_histogram_impl.h"

namespace adze {
namespace {

double PowerOfTwo(int exponent) {
  return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

FloatHistogram::Bucket ToBucket(bool negative, FloatBuckets::Bounds bounds,
                                FloatBuckets::Count count) {
  const double near = std::bit_cast<float>(bounds.first);
  // The bucket below infinity ends where the next exponent would begin.
  const double unit = PowerOfTwo(static_cast<int>(bounds.first >> 23) - 150);
  const double width = unit * PowerOfTwo(bounds.shift);
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
  // The first values of many would all be taken for extremes until more extreme ones came.
  const bool late = !impl_->began && values.size() >= 16 * kExtremes;
  impl_->began = true;
  if (late) {
    impl_->extremes_wait = true;
    impl_->SpillIfMore(values);
  }
  FloatScatter scatter(&impl_->buckets);
  for (size_t begin = 0; begin < values.size(); begin += Sifted::kBlock) {
    impl_->ObserveBlock(
        values.subspan(begin, std::min<size_t>(Sifted::kBlock, values.size() - begin)), &scatter);
  }
  if (!late) return;
  scatter.Flush();
  impl_->AddFirstExtremes(values);
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
  uint64_t count = impl_->zeros;
  if (impl_->distinct) {
    impl_->distinct->ForEach([&](float, uint64_t some) { count += some; });
  } else {
    impl_->buckets.ForEach(
        [&](bool, FloatBuckets::Bounds, FloatBuckets::Count some) { count += some.count; });
  }
  return count;
}

uint64_t FloatHistogram::count_nonfinite() const { return impl_->nonfinite; }

std::vector<float> FloatHistogram::LargestValues(size_t most) const {
  return impl_->largest.Sorted(most);
}

std::vector<float> FloatHistogram::SmallestValues(size_t most) const {
  return impl_->smallest.Sorted(most);
}

float FloatHistogram::Largest(uint64_t k) const {
  const std::vector<float> largest = impl_->largest.Sorted(k);
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
  const std::vector<float> smallest = impl_->smallest.Sorted(k);
  if (k >= 1 && k <= smallest.size()) return smallest[k - 1];
  return Largest(count() + 1 - k);
}

std::vector<FloatHistogram::Bucket> FloatHistogram::Buckets() const {
  std::vector<Bucket> negative, positive;
  if (impl_->distinct) {
    for (const auto& [value, count] : impl_->distinct->Sorted()) {
      (value < 0 ? negative : positive)
          .push_back(
              {value, value, count, static_cast<double>(value) * static_cast<double>(count)});
    }
  } else {
    impl_->buckets.ForEach(
        [&](bool is_negative, FloatBuckets::Bounds bounds, FloatBuckets::Count count) {
          (is_negative ? negative : positive).push_back(ToBucket(is_negative, bounds, count));
        });
    std::reverse(negative.begin(), negative.end());  // they come by magnitude
  }
  if (impl_->zeros > 0) negative.push_back({0, 0, impl_->zeros, 0});
  negative.insert(negative.end(), positive.begin(), positive.end());
  return negative;
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
