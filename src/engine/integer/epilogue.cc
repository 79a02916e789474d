#include "engine/integer/epilogue.h"

#include <algorithm>
#include <cmath>

namespace adze::integer {
namespace {

constexpr float kMost = std::numeric_limits<float>::infinity();

float HighOf(const std::string& activation) { return activation == "Relu6" ? 6 : kMost; }

// Multiplication and rounding are monotone: an activation of values may as well be one of their
// integers. `high`: the activation's; `zero`: the integer of 0.
void ClampIntegers(float high, float scale, int32_t zero, int32_t* lowest, int32_t* highest) {
  *lowest = std::clamp(zero, *lowest, *highest);
  const float top = std::min(std::rint(high * scale), 65536.0f);
  *highest = std::clamp(static_cast<int32_t>(top) + zero, *lowest, *highest);
}

void SetOwn(const Node& node, double most, Epilogue& e) {
  e.quantizes_own = true;
  e.own.scale = node.attr<float>("own_scale");
  e.own.step = node.attr<float>("own_step");
  const auto zero_point = static_cast<int32_t>(node.attr<int64_t>("own_zero")) - 128;
  const int half = 1 << (node.attr<int64_t>("own_bits") - 1);
  e.own.low = -half - zero_point;
  e.own.high = half - 1 - zero_point;
  if (e.clamps_before) ClampIntegers(e.before_high, e.own.scale, 0, &e.own.low, &e.own.high);
  e.clamps_before = false;
  e.own.is_wide = !(most * e.own.scale < 1e9);
}

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
  // What no real value exceeds in magnitude.
  double most = 0;
  for (int64_t c = 0; c < channels; ++c) most = std::max(most, largest[c] * e.scale[c]);
  if (node.attr<bool>("quantizes_own", false)) {
    SetOwn(node, most, e);
    most = static_cast<double>(std::max(-e.own.low, e.own.high)) * e.own.step;
  }
  if (node.attr<bool>("has_residual")) {
    e.has_residual_codes = node.attr<bool>("residual_is_codes", false);
    e.has_residual = !e.has_residual_codes;
  }
  if (e.has_residual_codes) {
    e.residual_zero = static_cast<int32_t>(node.attr<int64_t>("residual_zero"));
    e.residual_step = node.attr<float>("residual_step");
    most += 255.0 * e.residual_step;
  }
  e.gives_real = node.attr<bool>("gives_real");
  e.gives_codes = node.attr<bool>("gives_codes");
  if (!e.gives_codes) return e;
  e.next_scale = node.attr<float>("next_scale");
  e.next_zero = static_cast<int32_t>(node.attr<int64_t>("next_zero"));
  const int half = 1 << (node.attr<int64_t>("next_bits") - 1);
  e.low = 128 - half;
  e.high = 127 + half;
  if (e.gives_real || e.has_residual) return e;
  const bool folds_before = e.clamps_before && !e.has_residual_codes;
  if (folds_before || e.clamps_after) {
    const float high =
        std::min(folds_before ? e.before_high : kMost, e.clamps_after ? e.after_high : kMost);
    ClampIntegers(high, e.next_scale, e.next_zero, &e.low, &e.high);
    e.clamps_before &= !folds_before;
    e.clamps_after = false;
  }
  e.is_wide = !(most * e.next_scale < 1e9);
  return e;
}

}  // namespace adze::integer
