#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace adze {

// Tells content apart and finds damage; no protection against intent. 8 bytes at a time, mixed as
// MurmurHash64A does; the same on every little-endian machine.
class ContentHash {
 public:
  void Add(uint64_t word) {
    word *= kPrime;
    word ^= word >> 47;
    state_ = (state_ ^ word * kPrime) * kPrime;
  }
  // The length counts too, so that "a", "bc" differs from "ab", "c".
  void Add(std::string_view bytes) {
    Add(bytes.size());
    uint64_t word = 0;
    for (; bytes.size() >= sizeof(word); bytes.remove_prefix(sizeof(word))) {
      std::memcpy(&word, bytes.data(), sizeof(word));
      Add(word);
    }
    word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    Add(word);
  }
  uint64_t value() const {
    uint64_t value = state_;
    value ^= value >> 47;
    value *= kPrime;
    return value ^ value >> 47;
  }

 private:
  static constexpr uint64_t kPrime = 0xc6a4a7935bd1e995;
  uint64_t state_ = 0x9e3779b97f4a7c15;
};

}  // namespace adze
