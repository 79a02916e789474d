#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <vector>

namespace adze {

// Counts each different float of a stream while there are few of them: an open hash table.
class DistinctValues {
 public:
  explicit DistinctValues(size_t most) : most_(most), slots_(std::bit_ceil(4 * most)) {
    shift_ = 32 - std::countr_zero(slots_.size());
  }

  // False, with nothing changed, if the value would be one too many.
  bool Add(float value, uint64_t count) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    for (size_t i = (bits * 0x9E3779B1u) >> shift_;; i = (i + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[i];
      if (slot.count == 0) {
        if (size_ == most_) return false;
        slot = {bits, count};
        ++size_;
        return true;
      }
      if (slot.bits == bits) {
        slot.count += count;
        return true;
      }
    }
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
  size_t most_, size_ = 0;
  int shift_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace adze
