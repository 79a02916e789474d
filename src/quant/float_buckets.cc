#include "quant/float_buckets.h"

#include <numeric>
#include <tuple>

namespace adze {
namespace {

constexpr int kCountShift = FloatBuckets::kCountShift;

// A slot has less than 2^kCarryCount values and a sum below 2^kCarrySum after a carry; kMostPacked
// more, each with kCoarseShift low bits, fill neither the count nor the sum.
static_assert((uint64_t{1} << 20) + FloatBuckets::kMostPacked < uint64_t{1} << (64 - kCountShift));
static_assert((uint64_t{1} << 36) + (FloatBuckets::kMostPacked << FloatBuckets::kCoarseShift) <=
              uint64_t{1} << kCountShift);

}  // namespace

void FloatBuckets::Raise(int top) {
  if (top <= top_) return;
  const auto fine_from = static_cast<uint32_t>(std::max(top - kFineOctaves + 1, 0)) << 23;
  std::vector<std::tuple<bool, Bounds, Count>> behind;
  ForEach([&](bool negative, Bounds bounds, Count count) {
    if (bounds.first < fine_from && bounds.shift < kCoarseShift) {
      behind.emplace_back(negative, bounds, count);
    }
  });
  for (const auto& [negative, bounds, count] : behind) Set(negative, SlotOf(bounds.first), {});
  top_ = top;
  for (const auto& [negative, bounds, count] : behind) Add(negative, bounds, count);
}

void FloatBuckets::Reserve(uint64_t num_values) {
  if (num_packed_ + num_values > kMostPacked) Carry();
  num_packed_ += num_values;
}

void FloatBuckets::TakePacked(bool negative, int exponent,
                              std::span<uint64_t, 1 << kFineBits> words) {
  std::vector<uint64_t>& low = SignOf(negative).low;
  const int shift = ShiftOf(exponent, fine_exponent());
  uint64_t* const sums = low.data() + SlotOf(static_cast<uint32_t>(exponent) << 23);
  if (shift > kFineShift) {
    const size_t width = size_t{1} << (shift - kFineShift);
    for (size_t slot = 0; slot * width < words.size(); ++slot) {
      const std::span<uint64_t> shared = words.subspan(slot * width, width);
      sums[slot] = std::accumulate(shared.begin(), shared.end(), sums[slot]);
    }
    std::fill(words.begin(), words.end(), 0);
    return;
  }
  // Most lines of rare values are empty; their memory need not be touched.
  constexpr size_t kLine = 8;
  for (size_t i = 0; i < words.size(); i += kLine) {
    uint64_t* const line = words.data() + i;
    uint64_t any = 0;
    for (size_t j = 0; j < kLine; ++j) any |= line[j];
    if (any == 0) continue;
    for (size_t j = 0; j < kLine; ++j) sums[i + j] += line[j];
    for (size_t j = 0; j < kLine; ++j) line[j] = 0;
  }
}

void FloatBuckets::Add(uint32_t bits, uint64_t count) {
  const uint32_t magnitude = bits & 0x7fffffffu;
  Raise(static_cast<int>(magnitude >> 23));
  const Bounds bounds = BoundsAt(magnitude);
  Add(bits != magnitude, bounds, {count, count * (magnitude - bounds.first)});
}

void FloatBuckets::Add(bool negative, Bounds bounds, Count count) {
  const uint32_t slot = SlotOf(bounds.first);
  SignOf(negative);
  const Count before = At(negative, slot);
  count.low_sum += count.count * (bounds.first & kSummedBits);
  Set(negative, slot, {before.count + count.count, before.low_sum + count.low_sum});
}

void FloatBuckets::Merge(const FloatBuckets& other) {
  Raise(other.top_);
  if (top_ == other.top_) return MergeSlots(other);
  other.ForEach([&](bool negative, Bounds bounds, Count count) { Add(negative, bounds, count); });
}

void FloatBuckets::MergeSlots(const FloatBuckets& other) {
  for (const bool negative : {false, true}) {
    if (other.signs_[negative].low.empty()) continue;
    SignOf(negative);
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const Count theirs = other.At(negative, slot);
      if (theirs.count == 0) continue;
      const Count ours = At(negative, slot);
      Set(negative, slot, {ours.count + theirs.count, ours.low_sum + theirs.low_sum});
    }
  }
}

size_t FloatBuckets::Bytes() const {
  size_t bytes = sizeof(*this);
  for (const OneSign& sign : signs_) {
    bytes += sign.low.capacity() * sizeof(uint64_t) + sign.high.capacity() * sizeof(High);
  }
  return bytes;
}

void FloatBuckets::Set(bool negative, uint32_t slot, Count count) {
  OneSign& sign = SignOf(negative);
  sign.high[slot] = {static_cast<uint32_t>(count.count >> kCarryCount),
                     static_cast<uint32_t>(count.low_sum >> kCarrySum)};
  sign.low[slot] = (count.count & ((uint64_t{1} << kCarryCount) - 1)) << kCountShift |
                   (count.low_sum & ((uint64_t{1} << kCarrySum) - 1));
}

void FloatBuckets::Carry() {
  for (const bool negative : {false, true}) {
    if (signs_[negative].low.empty()) continue;
    for (uint32_t slot = 0; slot < kSlots; ++slot) Set(negative, slot, At(negative, slot));
  }
  num_packed_ = 0;
}

}  // namespace adze
