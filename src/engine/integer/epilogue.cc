#include "engine/integer/epilogue.h"

#include <algorithm>
#include <cmath>

namespace adze::integer {
namespace {

constexpr float kMost = std::numeric_limits<float>::infinity();

float HighOf(const std::string& activation) { return activation == "Relu6" ? 6 : kMost; }

}  // namespace

Epilogue EpilogueOf(const Node& node, const Tensor& scale, std::span<const double> largest) {
  Epilogue e;
  const auto channels = static_cast<int64_t>(largest.size());
  const auto scales = scale.data<float>();
  e.scale.assign((channels + 63) / 64 * 64, scales[0]);
  if (scales.size() > 1) std::copy(scales.begin(), scales.end(), e.scale.begin());
  const auto& before = node.attr<std::string>("before");
  const auto& after = node.attr<std::string>("after");
  e.clamps_before = !before.empty();
  e.clamps_after = !after.empty();
  e.before_high = HighOf(before);
  e.after_high = HighOf(after);
  e.has_residual = node.attr<bool>("has_residual");
  e.gives_real = node.attr<bool>("gives_real");
  e.gives_codes = node.attr<bool>("gives_codes");
  if (!e.gives_codes) return e;
  e.next_scale = node.attr<float>("next_scale");
  e.next_zero = static_cast<int32_t>(node.attr<int64_t>("next_zero"));
  const int half = 1 << (node.attr<int64_t>("next_bits") - 1);
  e.low = 128 - half;
  e.high = 127 + half;
  if (e.gives_real || e.has_residual) return e;
  // Multiplication and rounding are monotone: the clamp may as well be one of codes.
  if (e.clamps_before || e.clamps_after) {
    e.low = std::clamp(e.next_zero, e.low, e.high);
    const float high =
        std::min(e.clamps_before ? e.before_high : kMost, e.clamps_after ? e.after_high : kMost);
    const float top = std::min(std::rint(high * e.next_scale), 65536.0f);
    e.high = std::clamp(static_cast<int32_t>(top) + e.next_zero, e.low, e.high);
    e.clamps_before = e.clamps_after = false;
  }
  double most = 0;
  for (int64_t c = 0; c < channels; ++c) most = std::max(most, largest[c] * e.scale[c]);
  e.is_wide = !(most * e.next_scale < 1e9);
  return e;
}

}  // namespace adze::integer
