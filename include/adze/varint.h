#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "adze/error.h"

namespace adze {

// Appends an unsigned number, 7 bits a byte, the lowest first; the top bit says that more follow.
inline void AppendVarint(uint64_t value, std::string* bytes) {
  for (; value >= 0x80; value >>= 7) bytes->push_back(static_cast<char>(value | 0x80));
  bytes->push_back(static_cast<char>(value));
}

// Takes a number off the front of `bytes`. kBadFile if they end in it, if it does not fit 64 bits
// or has more bytes than it needs: each number has one form.
inline uint64_t TakeVarint(std::string_view* bytes) {
  uint64_t value = 0;
  for (size_t i = 0, shift = 0;; ++i, shift += 7) {
    Require(i < bytes->size(), ErrorCode::kBadFile, "the data ends too early");
    const auto byte = static_cast<uint8_t>((*bytes)[i]);
    Require(shift < 63 || byte <= 1, ErrorCode::kBadFile, "a number is too large");
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte & 0x80) continue;
    Require(byte != 0 || i == 0, ErrorCode::kBadFile, "a number is not in its shortest form");
    bytes->remove_prefix(i + 1);
    return value;
  }
}

// Takes a number that must be from `least` to `most`; kBadFile otherwise.
inline uint64_t TakeVarint(std::string_view* bytes, uint64_t least, uint64_t most,
                           const char* what) {
  const uint64_t value = TakeVarint(bytes);
  Require(value >= least && value <= most, ErrorCode::kBadFile, what, " is ", value,
          ", must be from ", least, " to ", most);
  return value;
}

}  // namespace adze
