#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <vector>

namespace adze {

// Counts each different float of a stream while there are few of them: an open hash table that
// grows.
class DistinctValues {
 public:
  explicit DistinctValues(size_t most) : most_(most), slots_(64) {}

  // False, with nothing changed, if the value would be one too many.
  bool Add(float value, uint64_t count) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    Slot* slot = &SlotOf(bits);
    if (slot->count == 0) {
      if (size_ == most_) return false;
      if (4 * ++size_ > slots_.size()) {
        Grow();
        slot = &SlotOf(bits);
      }
      slot->bits = bits;
    }
    slot->count += count;
    return true;
  }

  // Ascending.
  std::map<float, uint64_t> Sorted() const {
    std::map<float, uint64_t> sorted;
    for (const Slot& slot : slots_) {
      if (slot.count > 0) sorted[std::bit_cast<float>(slot.bits)] = slot.count;
    }
    return sorted;
  }

 private:
  struct Slot {
    uint32_t bits = 0;
    uint64_t count = 0;
  };

  // Where the value is or would be.
  Slot& SlotOf(uint32_t bits) {
    const int shift = 32 - std::countr_zero(slots_.size());
    for (size_t i = (bits * 0x9E3779B1u) >> shift;; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].count == 0 || slots_[i].bits == bits) return slots_[i];
    }
  }

  void Grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.count > 0) SlotOf(slot.bits) = slot;
    }
  }

  size_t most_, size_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace adze
