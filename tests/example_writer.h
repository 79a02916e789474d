#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "adze/varint.h"
#include "base/crc32c.h"

namespace adze {

// A length-delimited field of a protobuf message.
inline std::string Message(int number, std::string_view bytes) {
  std::string field;
  AppendVarint(number << 3 | 2, &field);
  AppendVarint(bytes.size(), &field);
  return field.append(bytes);
}

inline std::string BytesFeature(std::string_view bytes) { return Message(1, Message(1, bytes)); }
inline std::string FloatFeature(const std::vector<float>& values) {
  std::string packed(values.size() * sizeof(float), '\0');
  std::memcpy(packed.data(), values.data(), packed.size());
  return Message(2, Message(1, packed));
}
inline std::string IntFeature(const std::vector<int64_t>& values) {
  std::string packed;
  for (const int64_t value : values) AppendVarint(static_cast<uint64_t>(value), &packed);
  return Message(3, Message(1, packed));
}

// A tf.Example of (name, feature) pairs.
inline std::string Example(const std::vector<std::pair<std::string, std::string>>& features) {
  std::string map;
  for (const auto& [name, feature] : features) {
    map += Message(1, Message(1, name) + Message(2, feature));
  }
  return Message(1, map);
}

inline std::string Fixed(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

// A record of a TFRecord file.
inline std::string TfRecord(std::string_view bytes) {
  const std::string length = Fixed(bytes.size(), 8);
  return length + Fixed(MaskedCrc32c(length), 4) + std::string(bytes) +
         Fixed(MaskedCrc32c(bytes), 4);
}

}  // namespace adze
