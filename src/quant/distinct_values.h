#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace adze {

// Counts each different float of a stream while there are few of them: an open hash table. 0 is
// none of them.
class DistinctValues {
 public:
  explicit DistinctValues(size_t most) : most_(most) {}

  // Whether it is certain, after a look at hashes only, that these are more different values than
  // it takes: much faster than to find out by adding them.
  bool AreMore(std::span<const uint32_t> values) const {
    constexpr int kHashBits = 15;
    std::array<uint64_t, (size_t{1} << kHashBits) / 64> seen = {};
    for (const uint32_t bits : values) {
      const uint32_t hash = (bits * kHashFactor) >> (32 - kHashBits);
      seen[hash / 64] |= uint64_t{1} << hash % 64;
    }
    size_t hashes = 0;
    for (const uint64_t word : seen) hashes += std::popcount(word);
    return hashes > most_;
  }

  // How many it took, from the first, until one would have been one too many. At most 2^31.
  size_t Add(std::span<const uint32_t> values) {
    if (values.empty()) return 0;
    Allocate();
    if (num_added_ + values.size() > kMostAdded) Carry();
    num_added_ += values.size();
    Slot* const slots = slots_.data();
    for (size_t i = 0;; ++i) {
      i += CountKnown(values.subspan(i));
      if (i == values.size()) return i;
      const uint32_t bits = values[i];
      size_t slot = Hash(bits);
      if (slots[slot].bits != bits) {
        slot = Probe(slot, bits);
        if (slots[slot].bits == 0 && !Take(slot, bits)) return i;
      }
      ++slots[slot].count;
    }
  }

  // False, with nothing changed, if the value would be one too many.
  bool Add(float value, uint64_t count) {
    Allocate();
    const auto bits = std::bit_cast<uint32_t>(value);
    const size_t slot = Probe(Hash(bits), bits);
    if (slots_[slot].bits == 0 && !Take(slot, bits)) return false;
    if (carried_.empty()) carried_.resize(slots_.size());
    carried_[slot] += count;
    return true;
  }

  // Calls body(value, count) for each, in any order.
  template <typename Body>
  void ForEach(const Body& body) const {
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot].bits == 0) continue;
      const uint64_t carried = carried_.empty() ? 0 : carried_[slot];
      body(std::bit_cast<float>(slots_[slot].bits), carried + slots_[slot].count);
    }
  }

  // Ascending.
  std::vector<std::pair<float, uint64_t>> Sorted() const {
    std::vector<std::pair<float, uint64_t>> sorted;
    sorted.reserve(size_);
    ForEach([&](float value, uint64_t count) { sorted.emplace_back(value, count); });
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  size_t Bytes() const {
    return slots_.capacity() * sizeof(Slot) + carried_.capacity() * sizeof(uint64_t);
  }

 private:
  struct Slot {
    uint32_t bits = 0;  // 0: free
    uint32_t count = 0;
  };
  static constexpr uint32_t kHashFactor = 0x9E3779B1u;
  static constexpr uint64_t kMostAdded = uint64_t{1} << 31;

  // Not before there are values: many histograms stay empty.
  void Allocate() {
    if (!slots_.empty()) return;
    slots_.resize(std::bit_ceil(8 * most_));
    shift_ = 32 - std::countr_zero(slots_.size());
  }

  // Counts the first values, several at once, until some of those are new or not where they are
  // looked for first, and says how many it counted.
  size_t CountKnown(std::span<const uint32_t> values) {
    constexpr size_t kGroup = 4;
    Slot* const slots = slots_.data();
    size_t i = 0;
    for (; i + kGroup <= values.size(); i += kGroup) {
      size_t slot[kGroup];
      uint32_t different = 0;
      for (size_t j = 0; j < kGroup; ++j) {
        slot[j] = Hash(values[i + j]);
        different |= slots[slot[j]].bits ^ values[i + j];
      }
      if (different != 0) break;
      for (size_t j = 0; j < kGroup; ++j) ++slots[slot[j]].count;
    }
    return i;
  }

  size_t Hash(uint32_t bits) const { return (bits * kHashFactor) >> shift_; }

  // From this slot on, the one that holds these bits, or the free one where they belong.
  size_t Probe(size_t slot, uint32_t bits) const {
    while (slots_[slot].bits != 0 && slots_[slot].bits != bits) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return slot;
  }

  bool Take(size_t slot, uint32_t bits) {
    if (size_ == most_) return false;
    slots_[slot].bits = bits;
    ++size_;
    return true;
  }

  void Carry() {
    if (carried_.empty()) carried_.resize(slots_.size());
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      carried_[slot] += std::exchange(slots_[slot].count, 0);
    }
    num_added_ = 0;
  }

  size_t most_, size_ = 0;
  int shift_ = 0;
  uint64_t num_added_ = 0;  // one by one, since the last carry
  std::vector<Slot> slots_;
  std::vector<uint64_t> carried_;  // the rest of each count; empty: none
};

}  // namespace adze
