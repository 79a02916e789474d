#pragma once

#include <cstdint>
#include <vector>

#include "adze/shape.h"

namespace adze {

// How the channels of a weight lie in memory: the channel of an element is
// (index / inner) % channels.
struct ChannelLayout {
  int64_t inner = 1;
  int64_t channels = 1;

  // Calls body(index, channel) for every element in order.
  template <typename Body>
  void ForEach(size_t size, const Body& body) const {
    int64_t channel = 0;
    for (size_t i = 0; i < size; channel = channel + 1 == channels ? 0 : channel + 1) {
      for (const size_t end = i + inner; i < end; ++i) body(i, channel);
    }
  }
};

// The channels that `axes`, flattened in order, number; one channel without axes. kBadFile if the
// shape has no such axis. The axes must lie side by side.
ChannelLayout LayoutOfChannels(const Shape& shape, const std::vector<int>& axes);

}  // namespace adze
