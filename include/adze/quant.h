#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adze/tensor.h"

namespace adze {

// What is asked for.
struct QuantSpec {
  int num_bits = 8;        // 2..16
  bool symmetric = false;  // zero point 0
  friend bool operator==(const QuantSpec&, const QuantSpec&) = default;
};

inline int32_t QuantMin(int num_bits) { return -(1 << (num_bits - 1)); }
inline int32_t QuantMax(int num_bits) { return (1 << (num_bits - 1)) - 1; }

// What was found: real = (q - zero_point) * scale with q in [-2^(b-1), 2^(b-1) - 1], rounded half
// to even. The zero point is AMCT's `offset` (offset_d); its unsigned form has
// q_uint8 = q + 128 and offset_uint8 = -zero_point - 128.
struct QuantParams {
  QuantSpec spec;
  std::vector<float> scale;         // one, or one per channel
  std::vector<int32_t> zero_point;  // as many
  friend bool operator==(const QuantParams&, const QuantParams&) = default;
};

// Scale and zero point of the range [min, max], both widened to hold 0 (reference section 3).
// kInvalidArgument if the range is not finite or the scale's reciprocal is not.
QuantParams ParamsFromRange(float min, float max, QuantSpec spec);

// clip(round(x * (1 / scale)) + zero_point): the order of the simulation graph.
int32_t Quantize(float x, float scale, int32_t zero_point, int num_bits);
inline float Dequantize(int32_t q, float scale, int32_t zero_point) {
  return static_cast<float>(q - zero_point) * scale;
}
// out[i] = Dequantize(Quantize(in[i])); in and out may be the same.
void FakeQuantize(std::span<const float> in, float scale, int32_t zero_point, int num_bits,
                  std::span<float> out);

// A weight's int8 values with symmetric scales: q = clip(round(w / scale)).
struct QuantizedWeight {
  QuantParams params;
  Tensor values;  // int8, the weight's shape
};
// ARQ (reference section 4; the weight quantizer "arq"): symmetric min-max per channel or per
// tensor; all-zero channels get scale 1. `channel_axes` are the axes that, flattened in order,
// number the channels; empty: per tensor. kInvalidArgument if a weight is NaN or Inf.
QuantParams WeightParamsArq(const Tensor& weight, const std::vector<int>& channel_axes,
                            int num_bits);
// The same, and the weight on those scales.
QuantizedWeight QuantizeWeightArq(const Tensor& weight, const std::vector<int>& channel_axes,
                                  int num_bits);
// The same with scales that are known: q = clip(round(w / scale)).
QuantizedWeight QuantizeWeight(const Tensor& weight, const QuantParams& params,
                               const std::vector<int>& channel_axes);
// values * scale, float32.
Tensor DequantizeWeight(const QuantizedWeight& weight, const std::vector<int>& channel_axes);

// round(bias / (scale_w * scale_d)) as int32. kInvalidArgument with the channel and the value if it
// does not fit.
std::vector<int32_t> QuantizeBias(std::span<const float> bias, std::span<const float> scale_w,
                                  float scale_d);

}  // namespace adze
