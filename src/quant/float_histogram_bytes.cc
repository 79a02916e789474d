#include <algorithm>

#include "adze/error.h"
#include "adze/varint.h"
#include "quant/float_histogram_impl.h"

namespace adze {
namespace {

// More than any run sees; the low bits of so many values do not overflow a sum.
constexpr uint64_t kMostValues = uint64_t{1} << 44;

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

void WriteValues(const std::vector<std::pair<float, uint64_t>>& counts, std::string* bytes) {
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
  std::vector<float> values = extremes.Sorted();
  std::sort(values.begin(), values.end());
  std::vector<std::pair<float, uint64_t>> counts;
  for (float value : values) {
    if (counts.empty() || counts.back().first != value) counts.emplace_back(value, 0);
    ++counts.back().second;
  }
  WriteValues(counts, bytes);
}

void ReadExtremes(std::string_view* bytes, Extremes* extremes) {
  constexpr uint64_t kMost = FloatHistogram::kExtremes;
  ReadValues(bytes, kMost, kMost,
             [&](float value, uint64_t count) { extremes->Add(std::vector<float>(count, value)); });
}

// Buckets are numbered by their first magnitude, in units of the fine ones; negative ones follow.
constexpr uint64_t kUnits = kInfinityBits >> FloatBuckets::kFineShift;

void WriteBuckets(const FloatBuckets& buckets, std::string* bytes) {
  using Bounds = FloatBuckets::Bounds;
  uint64_t size = 0;
  buckets.ForEach([&](bool, Bounds, FloatBuckets::Count) { ++size; });
  AppendVarint(buckets.top(), bytes);
  AppendVarint(size, bytes);
  KeyWriter writer(bytes);
  buckets.ForEach([&](bool negative, Bounds bounds, FloatBuckets::Count count) {
    writer.Write((bounds.first >> FloatBuckets::kFineShift) + (negative ? kUnits : 0), count.count);
    AppendVarint(count.low_sum, bytes);
  });
}

void ReadBuckets(std::string_view* bytes, uint64_t most_count, FloatBuckets* buckets) {
  const auto top = static_cast<int>(TakeVarint(bytes, kLeastBits >> 23, 254, "an exponent"));
  const uint64_t size = TakeVarint(bytes, 1, 2 * FloatBuckets::kSlots, "a number of buckets");
  buckets->Raise(top);
  bool reaches_top = false;
  KeyReader reader(bytes, 2 * kUnits);
  for (uint64_t i = 0; i < size; ++i) {
    const auto [key, count] = reader.Read(most_count);
    most_count -= count;
    const auto magnitude = static_cast<uint32_t>(key % kUnits << FloatBuckets::kFineShift);
    const FloatBuckets::Bounds bounds = buckets->BoundsAt(magnitude);
    const auto exponent = static_cast<int>(magnitude >> 23);
    Require(magnitude >= kLeastBits && exponent <= top && bounds.first == magnitude,
            ErrorCode::kBadFile, "there is no such bucket");
    reaches_top |= exponent == top;
    const uint64_t most_sum = count * ((uint64_t{1} << bounds.shift) - 1);
    const uint64_t sum = TakeVarint(bytes, 0, most_sum, "the sum of a bucket");
    buckets->Add(key >= kUnits, bounds, {count, sum});
  }
  Require(reaches_top, ErrorCode::kBadFile, "the largest buckets are empty");
}

}  // namespace

void FloatHistogram::Serialize(std::string* bytes) const {
  AppendVarint(impl_->zeros, bytes);
  AppendVarint(impl_->nonfinite, bytes);
  WriteExtremes(impl_->largest, bytes);
  WriteExtremes(impl_->smallest, bytes);
  AppendVarint(impl_->distinct.has_value(), bytes);
  if (impl_->distinct) {
    WriteValues(impl_->distinct->Sorted(), bytes);
  } else {
    WriteBuckets(impl_->buckets, bytes);
  }
}

FloatHistogram FloatHistogram::Deserialize(std::string_view* bytes) {
  FloatHistogram histogram;
  Impl& impl = *histogram.impl_;
  impl.zeros = TakeVarint(bytes, 0, kMostValues, "a count");
  impl.nonfinite = TakeVarint(bytes, 0, kMostValues, "a count");
  const uint64_t most = kMostValues - impl.zeros;
  ReadExtremes(bytes, &impl.largest);
  ReadExtremes(bytes, &impl.smallest);
  if (TakeVarint(bytes, 0, 1, "a flag")) {
    ReadValues(bytes, kDistinct, most, [&](float value, uint64_t count) {
      Require(std::abs(value) >= std::bit_cast<float>(kLeastBits), ErrorCode::kBadFile,
              "a value that counts as 0 stands among the others");
      impl.distinct->Add(value, count);
    });
  } else {
    impl.distinct.reset();
    ReadBuckets(bytes, most, &impl.buckets);
  }
  return histogram;
}

}  // namespace adze
