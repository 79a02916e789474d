#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/support/infer.h"
#include "tensor/dispatch.h"

namespace adze {
namespace {

std::vector<TensorSpec> Infer(const ShapeContext& context) {
  for (int i = 1; i < 3; ++i) {
    const TensorSpec& limit = context.spec(i);
    const bool fits = (limit.dtype == DType::kFloat || limit.dtype == DType::kInvalid) &&
                      (!limit.shape.IsFullyKnown() || limit.shape.num_elements() == 1);
    Require(fits, ErrorCode::kBadFile, "Dequantize by a range of ", Name(limit.dtype), " ",
            limit.shape.ToString());
  }
  const DType dtype = context.node.attr<DType>("dtype", DType::kFloat);
  Require(dtype == DType::kFloat, ErrorCode::kUnsupported, "Dequantize to ", Name(dtype));
  Require(context.node.attr<int64_t>("axis", -1) == -1, ErrorCode::kUnsupported,
          "Dequantize per channel");
  return {{dtype, context.shape(0)}};
}

// The numbers behind quint8 and its kin.
template <typename F>
void DispatchQuantized(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kQint8:
      return f(int8_t());
    case DType::kQuint8:
      return f(uint8_t());
    case DType::kQint16:
      return f(int16_t());
    case DType::kQuint16:
      return f(uint16_t());
    case DType::kQint32:
      return f(int32_t());
    default:
      throw Error(ErrorCode::kBadFile, "Dequantize of " + Name(dtype));
  }
}

// MIN_COMBINED and MIN_FIRST: the lowest code is `min`, the highest `max`. SCALED: 0 is 0.
void Evaluate(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  const float min = ToFloats(inputs[1]).at(0), max = ToFloats(inputs[2]).at(0);
  const std::string mode = node.attr<std::string>("mode", "MIN_COMBINED");
  const bool narrow = node.attr<bool>("narrow_range", false);
  float* out = outputs[0].mutable_data<float>().data();
  DispatchQuantized(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    const T* in = static_cast<const T*>(inputs[0].raw());
    constexpr bool kSigned = std::is_signed_v<T>;
    constexpr double kLow = std::numeric_limits<T>::lowest(), kHigh = std::numeric_limits<T>::max();
    const int64_t count = inputs[0].num_elements();
    if (mode == "MIN_COMBINED") {
      const float scale = static_cast<float>((max - min) / (kHigh - kLow));
      const float half = kSigned ? static_cast<float>((kHigh - kLow + 1) / 2) : 0.0f;
      for (int64_t i = 0; i < count; ++i) {
        out[i] = (static_cast<float>(in[i]) + half) * scale + min;
      }
    } else if (mode == "MIN_FIRST") {
      const double scale = (static_cast<double>(max) - min) / (kHigh - kLow);
      const double first = scale == 0 ? min : std::round(min / scale) * scale;
      for (int64_t i = 0; i < count; ++i) {
        out[i] = static_cast<float>((static_cast<double>(in[i]) - kLow) * scale + first);
      }
    } else {
      Require(mode == "SCALED", ErrorCode::kBadFile, "Dequantize mode '", mode, "'");
      const double most = std::max(kSigned ? min / (kLow + narrow) : 0.0, max / kHigh);
      for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(in[i] * most);
    }
  });
}

}  // namespace

void register_dequantize(OpRegistry& ops) {
  ops.Add({.name = "Dequantize",
           .summary = "Float numbers out of quantized ones and their range",
           .infer = Infer,
           .evaluate = Evaluate});
}

}  // namespace adze
