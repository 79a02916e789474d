#include <map>

#include "adze/error.h"
#include "adze/varint.h"
#include "quant/float_histogram_impl.h"

namespace adze {
namespace {

// More than any run sees, and sums of counts times 2^kShift stay below 2^64.
constexpr uint64_t kMostValues = uint64_t{1} << 48;

// Numbers floats so that a larger float has a larger number; and back.
uint32_t Rank(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

float FromRank(uint32_t rank) {
  return std::bit_cast<float>(rank & 0x80000000u ? rank & 0x7fffffffu : ~rank);
}

const uint32_t kLowestRank = Rank(-std::numeric_limits<float>::max());
const uint32_t kHighestRank = Rank(std::numeric_limits<float>::max());

// A rising sequence of keys, each with a count: differences are small numbers.
class KeyWriter {
 public:
  explicit KeyWriter(std::string* bytes) : bytes_(bytes) {}
  void Write(uint64_t key, uint64_t count) {
    AppendVarint(key - next_, bytes_);
    AppendVarint(count, bytes_);
    next_ = key + 1;
  }

 private:
  std::string* bytes_;
  uint64_t next_ = 0;
};

class KeyReader {
 public:
  // Keys are below `end`.
  KeyReader(std::string_view* bytes, uint64_t end) : bytes_(bytes), end_(end) {}
  // The next key and its count, which is at least 1 and at most `most`.
  std::pair<uint32_t, uint64_t> Read(uint64_t most) {
    const uint64_t step = TakeVarint(bytes_);
    Require(step < end_ - next_, ErrorCode::kBadFile, "a value is out of range");
    const uint64_t key = next_ + step;
    next_ = key + 1;
    return {static_cast<uint32_t>(key), TakeVarint(bytes_, 1, most, "a count")};
  }

 private:
  std::string_view* bytes_;
  uint64_t end_, next_ = 0;
};

void WriteValues(const std::map<float, uint64_t>& counts, std::string* bytes) {
  AppendVarint(counts.size(), bytes);
  KeyWriter writer(bytes);
  for (const auto& [value, count] : counts) writer.Write(Rank(value) - kLowestRank, count);
}

// Calls take(value, count) for each of at most `most_values` values, `most_count` counts in sum.
template <typename Take>
void ReadValues(std::string_view* bytes, uint64_t most_values, uint64_t most_count,
                const Take& take) {
  const uint64_t size = TakeVarint(bytes, 0, most_values, "a number of values");
  KeyReader reader(bytes, uint64_t{kHighestRank} - kLowestRank + 1);
  for (uint64_t i = 0; i < size; ++i) {
    const auto [key, count] = reader.Read(most_count);
    most_count -= count;
    take(FromRank(key + kLowestRank), count);
  }
}

void WriteExtremes(const Extremes& extremes, std::string* bytes) {
  std::map<float, uint64_t> counts;
  for (float value : extremes.Sorted()) ++counts[value];
  WriteValues(counts, bytes);
}

void ReadExtremes(std::string_view* bytes, Extremes* extremes) {
  constexpr uint64_t kMost = FloatHistogram::kExtremes;
  ReadValues(bytes, kMost, kMost,
             [&](float value, uint64_t count) { extremes->Add(std::vector<float>(count, value)); });
}

}  // namespace

void FloatHistogram::Serialize(std::string* bytes) const {
  AppendVarint(impl_->zeros, bytes);
  AppendVarint(count_nonfinite(), bytes);
  WriteExtremes(impl_->largest, bytes);
  WriteExtremes(impl_->largest_negated, bytes);
  AppendVarint(impl_->distinct.has_value(), bytes);
  if (impl_->distinct) {
    WriteValues(impl_->distinct->Sorted(), bytes);
    return;
  }
  uint64_t size = 0;
  impl_->ForEachBucket(true, [&](uint32_t, FloatBuckets::Count) { ++size; });
  AppendVarint(size, bytes);
  KeyWriter writer(bytes);
  impl_->ForEachBucket(true, [&](uint32_t key, FloatBuckets::Count count) {
    writer.Write(key, count.count);
    AppendVarint(count.low_sum, bytes);
  });
}

FloatHistogram FloatHistogram::Deserialize(std::string_view* bytes) {
  FloatHistogram histogram;
  Impl& impl = *histogram.impl_;
  impl.zeros = TakeVarint(bytes, 0, kMostValues, "a count");
  impl.nonfinite = TakeVarint(bytes, 0, kMostValues, "a count");
  uint64_t left = kMostValues - impl.zeros;
  ReadExtremes(bytes, &impl.largest);
  ReadExtremes(bytes, &impl.largest_negated);
  if (TakeVarint(bytes, 0, 1, "a flag")) {
    ReadValues(bytes, kDistinct, left, [&](float value, uint64_t count) {
      Require(std::abs(value) >= std::bit_cast<float>(kLeastBits), ErrorCode::kBadFile,
              "a value that counts as 0 stands among the others");
      impl.distinct->Add(value, count);
    });
    return histogram;
  }
  impl.distinct.reset();
  constexpr uint32_t kKeys = FloatBuckets::kPages * FloatBuckets::kPageSize;
  const uint64_t size = TakeVarint(bytes, 0, kKeys, "a number of buckets");
  KeyReader reader(bytes, kKeys);
  for (uint64_t i = 0; i < size; ++i) {
    const auto [key, count] = reader.Read(left);
    const uint32_t magnitude = key % (kKeys / 2);
    Require(magnitude >= kLeastBits >> FloatBuckets::kShift &&
                magnitude < kKeys / 2 - FloatBuckets::kPageSize,
            ErrorCode::kBadFile, "a bucket is out of range");
    left -= count;
    const uint64_t most_sum = count * ((1u << FloatBuckets::kShift) - 1);
    impl.buckets.Add(
        key, FloatBuckets::Count{count, TakeVarint(bytes, 0, most_sum, "a sum of a bucket")});
  }
  return histogram;
}

}  // namespace adze
