#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "quant/sift.h"

namespace adze {

// The buckets of a FloatHistogram. The kFineOctaves octaves up to the largest magnitude seen have
// kFineBits. Each octave below has one bit less, so that the width stays the same, down to
// kCoarseBits. When a larger magnitude comes, the buckets of octaves that fall behind are added up.
// So the content depends on what was seen and not on its order, and memory is bounded (Bytes()).
//
// A bucket is a slot of its sign. Fine slots form a ring in which an octave keeps its place; coarse
// slots have a place for every octave; the even ones between them stand in the order of magnitude.
class FloatBuckets {
 public:
  static constexpr int kFineBits = 9, kCoarseBits = 4;  // of the mantissa name a bucket
  static constexpr int kFineShift = 23 - kFineBits, kCoarseShift = 23 - kCoarseBits;
  static constexpr int kFineOctaves = 8;
  static constexpr uint32_t kFineSlots = kFineOctaves << kFineBits;
  // Magnitudes of even buckets, in widths of one.
  static constexpr uint32_t kEvenFrom = 2u << kCoarseBits, kEvenEnd = 1u << kFineBits;
  static constexpr uint32_t kFirstEven =
      kFineSlots + ((kInfinityBits - kLeastBits) >> kCoarseShift);
  static constexpr uint32_t kSlots = kFirstEven + kEvenEnd - kEvenFrom;  // of a sign

  struct Count {
    uint64_t count = 0;
    uint64_t low_sum = 0;  // of the mantissa bits below those that name the bucket
  };
  // Magnitudes whose bits are from `first` up to, not including, first + (1 << shift).
  struct Bounds {
    uint32_t first;
    int shift;
  };

  // Several values in a word: their count, and the sum of the mantissa bits that no coarse bucket
  // names. Such words are added as they are, whatever buckets their values share, as long as they
  // hold at most kMostPacked values.
  static constexpr int kCountShift = 40;
  static constexpr uint64_t kMostPacked = uint64_t{15} << 17;
  static constexpr uint32_t kSummedBits = (1u << kCoarseShift) - 1;
  static uint64_t Packed(uint32_t bits) {
    return (uint64_t{1} << kCountShift) + (bits & kSummedBits);
  }

  // The exponent (biased, as in a float) of the largest magnitude that finds place; 0 at first.
  int top() const { return top_; }
  // Makes room for magnitudes up to this exponent.
  void Raise(int top);
  // The least exponent whose buckets are fine.
  int fine_exponent() const { return std::max(top_ - kFineOctaves + 1, 0); }
  // How many of the lowest mantissa bits a bucket of this exponent leaves out.
  static int ShiftOf(int exponent, int fine_exponent) {
    return std::min(kFineShift + std::max(fine_exponent - exponent, 0), kCoarseShift);
  }
  static uint32_t FineSlot(uint32_t magnitude) {
    return magnitude >> kFineShift & (kFineSlots - 1);
  }
  static uint32_t CoarseSlot(uint32_t magnitude) {
    return kFineSlots + ((magnitude - kLeastBits) >> kCoarseShift);
  }
  // Of a magnitude with a shift between kFineShift and kCoarseShift.
  static uint32_t EvenSlot(uint32_t magnitude, int shift) {
    constexpr uint32_t kOne = 1u << 23;
    return kFirstEven - kEvenFrom + (((magnitude & (kOne - 1)) | kOne) >> shift);
  }

  // Adds packed words, one for each fine bucket of an octave up to the top, and clears them.
  void TakePacked(bool negative, int exponent, std::span<uint64_t, 1 << kFineBits> words);
  // Tells that packed words of so many values are about to be added.
  void Reserve(uint64_t num_values);

  // Adds `count` times the float with these bits.
  void Add(uint32_t bits, uint64_t count);
  // Adds to the bucket with these bounds.
  void Add(bool negative, Bounds bounds, Count count);
  void Merge(const FloatBuckets& other);

  // Calls body(negative, bounds, count) for every bucket that is not empty: positive ones first,
  // ascending magnitudes.
  template <typename Body>
  void ForEach(const Body& body) const {
    for (const bool negative : {false, true}) {
      if (signs_[negative].low.empty()) continue;
      for (int exponent = kLeastBits >> 23; exponent <= top_; ++exponent) {
        const int shift = ShiftOf(exponent, fine_exponent());
        const uint32_t octave = static_cast<uint32_t>(exponent) << 23, first_slot = SlotOf(octave);
        for (uint32_t i = 0; i < 1u << (23 - shift); ++i) {
          const uint32_t first = octave + (i << shift);
          Count count = At(negative, first_slot + i);
          if (count.count == 0) continue;
          count.low_sum -= count.count * (first & kSummedBits);
          body(negative, Bounds{first, shift}, count);
        }
      }
    }
  }
  // Bounds of the bucket that holds a magnitude.
  Bounds BoundsAt(uint32_t magnitude) const {
    const int shift = ShiftOf(static_cast<int>(magnitude >> 23), fine_exponent());
    return {magnitude >> shift << shift, shift};
  }
  // Memory in use.
  size_t Bytes() const;

 private:
  // A count is low & ... + (high.count << kCarryCount), a sum likewise.
  static constexpr int kCarryCount = 20, kCarrySum = 36;
  struct High {
    uint32_t count = 0, sum = 0;
  };
  struct OneSign {
    std::vector<uint64_t> low;  // packed; empty: nothing has this sign
    std::vector<High> high;     // what was carried; there from the start, so that memory stays
  };

  // With memory for its slots.
  OneSign& SignOf(bool negative) {
    OneSign& sign = signs_[negative];
    if (sign.low.empty()) {
      sign.low.resize(kSlots);
      sign.high.resize(kSlots);
    }
    return sign;
  }
  uint32_t SlotOf(uint32_t magnitude) const {
    const int shift = BoundsAt(magnitude).shift;
    return shift == kFineShift     ? FineSlot(magnitude)
           : shift == kCoarseShift ? CoarseSlot(magnitude)
                                   : EvenSlot(magnitude, shift);
  }
  static constexpr uint64_t kSumBits = (uint64_t{1} << kCountShift) - 1;

  // Of a slot of a sign that something has, with the sum of all kSummedBits.
  Count At(bool negative, uint32_t slot) const {
    const uint64_t low = signs_[negative].low[slot];
    const High high = signs_[negative].high[slot];
    return {(low >> kCountShift) + (uint64_t{high.count} << kCarryCount),
            (low & kSumBits) + (uint64_t{high.sum} << kCarrySum)};
  }
  void Set(bool negative, uint32_t slot, Count count);
  // Of one with the same top.
  void MergeSlots(const FloatBuckets& other);
  void Carry();

  int top_ = 0;
  uint64_t num_packed_ = 0;  // values added since the last carry
  std::array<OneSign, 2> signs_;
};

}  // namespace adze
