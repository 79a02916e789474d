// The numbers of uniform quantization: real = (q - zero_point) * scale.
#include <algorithm>
#include <cmath>

#include "adze/error.h"
#include "adze/quant.h"

namespace adze {
namespace {

constexpr float kEpsilon = 1.192092896e-7f;  // a smaller scale counts as "no range"

void CheckScale(float scale) {
  Require(std::isfinite(scale) && scale > 0 && std::isfinite(1.0f / scale),
          ErrorCode::kInvalidArgument, "the range gives scale ", scale,
          ", which is outside of float32's normal range");
}

}  // namespace

QuantParams ParamsFromRange(float min, float max, QuantSpec spec) {
  Require(std::isfinite(min) && std::isfinite(max), ErrorCode::kInvalidArgument, "the range [", min,
          ", ", max, "] is not finite");
  max = std::max(max, 0.0f);
  min = std::min(min, 0.0f);
  const auto levels = static_cast<float>((int64_t{1} << spec.num_bits) - 1);
  const auto lowest = static_cast<float>(QuantMin(spec.num_bits));
  const auto highest = static_cast<float>(QuantMax(spec.num_bits));
  float scale, zero_point = 0;
  if (spec.symmetric) {
    scale = max < -min ? min / lowest : max / highest;
    if (scale < kEpsilon) scale = 1;
  } else {
    scale = (max - min) / levels;
    if (scale < kEpsilon) {
      scale = 1;
      zero_point = lowest;
    } else {
      zero_point = std::nearbyint(lowest - min / scale);
    }
  }
  CheckScale(scale);
  return {spec, {scale}, {static_cast<int32_t>(zero_point)}};
}

int32_t Quantize(float x, float scale, int32_t zero_point, int num_bits) {
  const float q = std::nearbyint(x * (1.0f / scale)) + static_cast<float>(zero_point);
  return static_cast<int32_t>(std::clamp(q, static_cast<float>(QuantMin(num_bits)),
                                         static_cast<float>(QuantMax(num_bits))));
}

void FakeQuantize(std::span<const float> in, float scale, int32_t zero_point, int num_bits,
                  std::span<float> out) {
  Check(in.size() == out.size(), "sizes");
  // Adding and taking away 1.5 * 2^23 rounds half to even, in vectors, what is below 2^22; clamping
  // to integers comes first, which gives the same.
  constexpr float kToInteger = 12582912.0f;
  const float inverse = 1.0f / scale;
  const auto lowest = static_cast<float>(int64_t{QuantMin(num_bits)} - zero_point);
  const auto highest = static_cast<float>(int64_t{QuantMax(num_bits)} - zero_point);
  for (size_t i = 0; i < in.size(); ++i) {
    const float steps = std::min(std::max(in[i] * inverse, lowest), highest);
    out[i] = ((steps + kToInteger) - kToInteger) * scale;
  }
}

std::vector<int32_t> QuantizeBias(std::span<const float> bias, std::span<const float> scale_w,
                                  float scale_d) {
  Check(scale_w.size() == 1 || scale_w.size() == bias.size(), "scales of a bias");
  std::vector<int32_t> quantized(bias.size());
  for (size_t i = 0; i < bias.size(); ++i) {
    const float q = std::nearbyint(bias[i] / (scale_w[scale_w.size() == 1 ? 0 : i] * scale_d));
    Require(q >= -2147483648.0f && q < 2147483648.0f, ErrorCode::kInvalidArgument, "bias ", bias[i],
            " of channel ", i, " becomes ", q,
            ", which does not fit int32; leave this layer in float (--skip-layer)");
    quantized[i] = static_cast<int32_t>(q);
  }
  return quantized;
}

}  // namespace adze
