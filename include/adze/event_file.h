#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace adze {

// Named numbers of one step of a run.
struct ScalarEvent {
  int64_t step = 0;
  std::map<std::string, float> values;  // by tag
};

// The bytes of a TensorBoard event file: a TFRecord of Event messages, the first with the version.
// TensorBoard reads files whose name holds "tfevents". `wall_time`: seconds since 1970.
std::string SerializeEvents(const std::vector<ScalarEvent>& events, double wall_time);

}  // namespace adze
