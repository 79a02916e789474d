#include "io/tf_example.h"

#include <cstring>
#include <limits>

#include "adze/error.h"
#include "adze/varint.h"

namespace adze {
namespace {

// A field of a protobuf message. The messages are read by hand since a record is megabytes of which
// one field is wanted, and that in place.
struct WireField {
  uint64_t number = 0;
  std::string_view bytes = {};  // of a length-delimited or fixed-size field
  uint64_t value = 0;           // of a varint
  int type = 0;
};

enum WireType { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

WireField TakeField(std::string_view* message) {
  WireField field;
  const uint64_t tag = TakeVarint(message);
  field.number = tag >> 3;
  field.type = static_cast<int>(tag & 7);
  uint64_t length = 0;
  switch (field.type) {
    case kVarint:
      field.value = TakeVarint(message);
      return field;
    case kFixed64:
      length = 8;
      break;
    case kFixed32:
      length = 4;
      break;
    case kLengthDelimited:
      length = TakeVarint(message);
      break;
    default:
      throw Error(ErrorCode::kBadFile, "is no tf.Example");
  }
  Require(length <= message->size(), ErrorCode::kBadFile, "is no tf.Example: a field is cut off");
  field.bytes = message->substr(0, length);
  message->remove_prefix(length);
  return field;
}

template <typename F>
void ForEachField(std::string_view message, F visit) {
  while (!message.empty()) visit(TakeField(&message));
}

// Message fields of this number.
template <typename F>
void ForEachMessage(std::string_view message, uint64_t number, F visit) {
  ForEachField(message, [&](const WireField& field) {
    if (field.number == number && field.type == kLengthDelimited) visit(field.bytes);
  });
}

// Repeated numbers may be packed into one field or not.
void AddFloats(const WireField& field, ExampleFeature* feature, size_t most) {
  const bool ok = field.type == kFixed32 || field.type == kLengthDelimited;
  Require(ok && field.bytes.size() % 4 == 0, ErrorCode::kBadFile, "is no list of floats");
  const size_t have = feature->floats.size(), count = field.bytes.size() / 4;
  Require(count <= most - have, ErrorCode::kBadFile, "has more than ", most, " values");
  feature->floats.resize(have + count);
  if (count > 0) std::memcpy(feature->floats.data() + have, field.bytes.data(), 4 * count);
}

void AddInts(const WireField& field, ExampleFeature* feature, size_t most) {
  std::string_view packed = field.bytes;
  const auto add = [&](uint64_t value) {
    Require(feature->ints.size() < most, ErrorCode::kBadFile, "has more than ", most, " values");
    feature->ints.push_back(static_cast<int64_t>(value));
  };
  Require(field.type == kVarint || field.type == kLengthDelimited, ErrorCode::kBadFile,
          "is no list of integers");
  if (field.type == kVarint) add(field.value);
  while (!packed.empty()) add(TakeVarint(&packed));
}

void AddBytes(const WireField& field, ExampleFeature* feature, size_t most) {
  Require(field.type == kLengthDelimited, ErrorCode::kBadFile, "is no list of bytes");
  Require(feature->bytes.size() < most, ErrorCode::kBadFile, "has more than ", most, " values");
  feature->bytes.push_back(field.bytes);
}

ExampleFeature ParseFeature(std::string_view message, size_t most) {
  ExampleFeature feature;
  ForEachField(message, [&](const WireField& kind) {
    if (kind.type != kLengthDelimited || kind.number < 1 || kind.number > 3) return;
    // One of the three kinds; of several the last counts.
    const auto now = static_cast<ExampleFeature::Kind>(kind.number);
    if (feature.kind != now) feature = {.kind = now};
    ForEachField(kind.bytes, [&](const WireField& field) {
      if (field.number != 1) return;
      if (now == ExampleFeature::Kind::kBytes) AddBytes(field, &feature, most);
      if (now == ExampleFeature::Kind::kFloats) AddFloats(field, &feature, most);
      if (now == ExampleFeature::Kind::kInts) AddInts(field, &feature, most);
    });
  });
  return feature;
}

// What a message may say of names that come from a file.
std::string Printable(std::string_view name) {
  std::string text(name.substr(0, 80));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace

ExampleFeature FindFeature(std::string_view example, std::string_view name, size_t most) {
  constexpr size_t kMostNames = 400;  // characters
  std::optional<std::string_view> found;
  std::string names;
  ForEachMessage(example, 1, [&](std::string_view features) {
    ForEachMessage(features, 1, [&](std::string_view entry) {
      std::string_view key, value;
      ForEachField(entry, [&](const WireField& field) {
        if (field.type != kLengthDelimited) return;
        if (field.number == 1) key = field.bytes;
        if (field.number == 2) value = field.bytes;
      });
      if (key == name) found = value;
      if (names.size() < kMostNames) names += (names.empty() ? "'" : ", '") + Printable(key) + "'";
    });
  });
  Require(found.has_value(), ErrorCode::kBadFile, "has no field '", name, "'; ",
          names.empty() ? "it has none" : "its fields are " + names);
  ErrorScope scope("field", std::string(name));
  return ParseFeature(*found, most);
}

int ExampleLabel(std::string_view example, std::string_view name) {
  const ExampleFeature feature = FindFeature(example, name, 1);
  ErrorScope scope("field", std::string(name));
  Require(feature.ints.size() == 1, ErrorCode::kBadFile,
          "holds no integer, where a label is needed");
  const int64_t label = feature.ints[0];
  Require(label >= 0 && label <= std::numeric_limits<int>::max(), ErrorCode::kBadFile,
          "holds the class ", label);
  return static_cast<int>(label);
}

}  // namespace adze
