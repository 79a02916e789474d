#include "quant/float_scatter.h"

#include <algorithm>
#include <vector>

namespace adze {
namespace {

using Buckets = FloatBuckets;

// Where the values of a block go and what they add there.
struct Located {
  alignas(64) uint16_t slot[Sifted::kBlock];  // negative ones follow the kSlots positive ones
  alignas(64) uint32_t low[Sifted::kBlock];
  uint32_t least;     // the smallest absolute bits
  uint32_t any_bits;  // all bits together
};
static_assert(2 * Buckets::kSlots <= 1 << 16);

__attribute__((always_inline)) inline void LocateAll(std::span<const uint32_t> values,
                                                     int fine_exponent, Located* located) {
  uint32_t least = UINT32_MAX, any_bits = 0;
  const size_t count = values.size();
  const uint32_t* const in = values.data();
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = in[i], magnitude = bits & 0x7fffffffu;
    const int shift = Buckets::ShiftOf(static_cast<int>(magnitude >> 23), fine_exponent);
    const uint32_t fine_slot = Buckets::FineSlot(magnitude);
    const uint32_t even_slot = Buckets::EvenSlot(magnitude, shift);
    const uint32_t coarse_slot = Buckets::CoarseSlot(magnitude);
    const uint32_t sign = static_cast<uint32_t>(static_cast<int32_t>(bits) >> 31);
    const uint32_t not_coarse = shift == Buckets::kFineShift ? fine_slot : even_slot;
    const uint32_t slot = shift == Buckets::kCoarseShift ? coarse_slot : not_coarse;
    located->slot[i] = static_cast<uint16_t>(slot + (sign & Buckets::kSlots));
    located->low[i] = magnitude & ((1u << shift) - 1);
    least = std::min(least, magnitude);
    any_bits |= bits;
  }
  located->least = least;
  located->any_bits = any_bits;
}

void LocatePortable(std::span<const uint32_t> values, int fine_exponent, Located* located) {
  LocateAll(values, fine_exponent, located);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void LocateAvx2(std::span<const uint32_t> values, int fine_exponent,
                                                Located* located) {
  LocateAll(values, fine_exponent, located);
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))) void
LocateAvx512(std::span<const uint32_t> values, int fine_exponent, Located* located) {
  LocateAll(values, fine_exponent, located);
}
#endif

void Locate(std::span<const uint32_t> values, int fine_exponent, Located* located, Simd simd) {
#if defined(__x86_64__)
  if (simd == Simd::kAvx512) return LocateAvx512(values, fine_exponent, located);
  if (simd == Simd::kAvx2) return LocateAvx2(values, fine_exponent, located);
#endif
  LocatePortable(values, fine_exponent, located);
}

uint64_t* TableOfThread() {
  thread_local std::vector<uint64_t> table(size_t{2} * Buckets::kSlots);
  return table.data();
}

}  // namespace

FloatScatter::FloatScatter(FloatBuckets* buckets, Simd simd)
    : buckets_(buckets), simd_(simd), table_(TableOfThread()) {}

void FloatScatter::Add(std::span<const uint32_t> bits, uint32_t most_magnitude) {
  if (bits.empty()) return;
  const auto exponent = static_cast<int>(most_magnitude >> 23);
  if (exponent > buckets_->top()) {
    Flush();
    buckets_->Raise(exponent);
  }
  if (num_values_ + bits.size() > Buckets::kMostPacked) Flush();
  Located located;
  Locate(bits, buckets_->fine_exponent(), &located, simd_);
  uint64_t* const table = table_;
  const size_t count = bits.size();
  constexpr uint64_t kOne = uint64_t{1} << Buckets::kCountShift;
  constexpr size_t kUnroll = 8;
  size_t i = 0;
  for (; i + kUnroll <= count; i += kUnroll) {
    for (size_t j = 0; j < kUnroll; ++j) table[located.slot[i + j]] += kOne + located.low[i + j];
  }
  for (; i < count; ++i) table[located.slot[i]] += kOne + located.low[i];
  num_values_ += count;
  least_ = std::min(least_, located.least);
  any_negative_ |= located.any_bits >> 31 != 0;
}

void FloatScatter::Flush() {
  if (num_values_ == 0) return;
  buckets_->Reserve(num_values_);
  for (const bool negative : {false, true}) {
    if (negative && !any_negative_) continue;
    uint64_t* const table = table_ + (negative ? Buckets::kSlots : 0);
    buckets_->TakePacked(negative, 0, {table, Buckets::kFineSlots});
    const int shift = buckets_->BoundsAt(least_).shift;
    if (shift == Buckets::kFineShift) continue;
    constexpr uint32_t kFirst = Buckets::kFirstEven;
    buckets_->TakePacked(negative, kFirst, {table + kFirst, Buckets::kSlots - kFirst});
    if (shift < Buckets::kCoarseShift) continue;
    const uint32_t first = Buckets::CoarseSlot(least_) & ~7u;  // at the start of a line
    buckets_->TakePacked(negative, first, {table + first, kFirst - first});
  }
  num_values_ = 0;
  least_ = UINT32_MAX;
  any_negative_ = false;
}

}  // namespace adze
