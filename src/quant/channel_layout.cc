#include "quant/channel_layout.h"

#include <algorithm>

#include "adze/error.h"

namespace adze {

ChannelLayout LayoutOfChannels(const Shape& shape, const std::vector<int>& axes) {
  ChannelLayout layout;
  if (axes.empty()) return layout;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = axes[i];
    Require(axis >= 0 && axis < shape.rank(), ErrorCode::kBadFile, "a weight of shape ",
            shape.ToString(), " has no axis ", axis);
    Check(i == 0 || axis == axes[i - 1] + 1, "channel axes lie side by side");
    layout.channels *= shape[axis];
  }
  for (int axis = axes.back() + 1; axis < shape.rank(); ++axis) layout.inner *= shape[axis];
  layout.inner = std::max<int64_t>(layout.inner, 1);
  layout.channels = std::max<int64_t>(layout.channels, 1);
  return layout;
}

}  // namespace adze
