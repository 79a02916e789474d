#include "base/crc32c.h"

#include <array>
#include <cstddef>

namespace adze {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

// Tables[k][b]: what byte b does to the checksum when k more bytes follow it.
constexpr std::array<std::array<uint32_t, 256>, 8> MakeTables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 255];
    }
  }
  return tables;
}

constexpr auto kTables = MakeTables();

}  // namespace

uint32_t Crc32c(std::string_view bytes, uint32_t crc) {
  crc = ~crc;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint32_t mixed = 0;
    for (int k = 0; k < 4; ++k) mixed ^= kTables[7 - k][at[k] ^ ((crc >> (8 * k)) & 255)];
    for (int k = 4; k < 8; ++k) mixed ^= kTables[7 - k][at[k]];
    crc = mixed;
  }
  for (; left > 0; ++at, --left) crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 255];
  return ~crc;
}

}  // namespace adze
