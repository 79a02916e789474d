#pragma once

#include "adze/parallel.h"
#include "adze/shape.h"

namespace adze {

// A tensor seen as [outer, channels, inner], for what differs by channel only: with channels last
// inner is 1, with channels first outer is the batch.
struct ChannelView {
  int64_t outer = 1, channels = 1, inner = 1;
};

// `axis` numbers the channels of a known shape.
inline ChannelView ChannelsAt(const Shape& shape, int axis) {
  ChannelView view{.channels = shape[axis]};
  for (int i = 0; i < shape.rank(); ++i)
    (i < axis ? view.outer : view.inner) *= i == axis ? 1 : shape[i];
  return view;
}

// Calls f(element, channel) for all elements, in loops that vectorise if f does. `view` must not be
// of an empty tensor.
template <typename F>
void ForElements(const ChannelView& view, const F& f) {
  constexpr int64_t kGrain = 16384;  // elements below which a thread does not pay
  if (view.inner == 1) {
    ParallelFor(view.outer, kGrain / view.channels + 1, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        for (int64_t c = 0; c < view.channels; ++c) f(o * view.channels + c, c);
      }
    });
    return;
  }
  if (view.outer * view.channels == 1) {
    ParallelFor(view.inner, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(i, 0);
    });
    return;
  }
  ParallelFor(view.outer * view.channels, kGrain / view.inner + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t c = row % view.channels;
      for (int64_t i = 0; i < view.inner; ++i) f(row * view.inner + i, c);
    }
  });
}

}  // namespace adze
