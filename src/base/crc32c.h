#pragma once

#include <cstdint>
#include <string_view>

namespace adze {

// CRC-32C (Castagnoli) of bytes that follow others whose checksum is `crc`.
uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0);

// The checksum as TensorFlow stores it, in checkpoints and TFRecord files: rotated and shifted, so
// that the checksum of data that holds checksums stays good.
inline uint32_t MaskedCrc32c(std::string_view bytes, uint32_t crc = 0) {
  const uint32_t whole = Crc32c(bytes, crc);
  return ((whole >> 15) | (whole << 17)) + 0xa282ead8u;
}

}  // namespace adze
