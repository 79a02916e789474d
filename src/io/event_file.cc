#include "adze/event_file.h"

#include <cstring>

#include "base/crc32c.h"
#include "proto/event.pb.h"

namespace adze {
namespace {

template <typename Number>
std::string BytesOf(Number value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// A length, its checksum, the bytes, their checksum.
void AppendRecord(const proto::Event& event, std::string* file) {
  const std::string bytes = event.SerializeAsString();
  const std::string length = BytesOf<uint64_t>(bytes.size());
  *file += length + BytesOf(MaskedCrc32c(length)) + bytes + BytesOf(MaskedCrc32c(bytes));
}

}  // namespace

std::string SerializeEvents(const std::vector<ScalarEvent>& events, double wall_time) {
  std::string file;
  proto::Event first;
  first.set_wall_time(wall_time);
  first.set_file_version("brain.Event:2");
  AppendRecord(first, &file);
  for (const ScalarEvent& scalars : events) {
    proto::Event event;
    event.set_wall_time(wall_time);
    event.set_step(scalars.step);
    for (const auto& [tag, number] : scalars.values) {
      proto::Summary::Value* value = event.mutable_summary()->add_value();
      value->set_tag(tag);
      value->set_simple_value(number);
    }
    AppendRecord(event, &file);
  }
  return file;
}

}  // namespace adze
