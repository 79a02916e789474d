#include <cmath>

#include "ops/support/broadcast.h"

namespace adze {
namespace {

// Integers wrap around, which signed arithmetic in C++ may not.
template <typename T>
using Wrapping = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;

struct Add {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b));
  }
};
struct Sub {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(Wrapping<T>(a) - Wrapping<T>(b));
  }
};
struct Mul {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(Wrapping<T>(a) * Wrapping<T>(b));
  }
};
// For integers: towards zero, as TensorFlow's Div; the divisor is not 0.
struct Div {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return b == -1 ? Sub()(T(0), a) : static_cast<T>(a / b);  // -2^31 / -1 would trap
    } else {
      return a / b;
    }
  }
};
struct FloorDiv {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      const T quotient = Div()(a, b);
      return quotient - (b != -1 && a % b != 0 && (a < 0) != (b < 0));
    } else {
      return std::floor(a / b);
    }
  }
};
// The sign of the divisor, as Python's %.
struct FloorMod {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      if (b == -1) return 0;
      const T rest = a % b;
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    } else {
      const T rest = std::fmod(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
  }
};
// Comparisons this way round keep `a` where either is NaN, as std::max and TensorFlow do.
struct Maximum {
  template <typename T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct Minimum {
  template <typename T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct SquaredDifference {
  template <typename T>
  T operator()(T a, T b) const {
    const T difference = Sub()(a, b);
    return Mul()(difference, difference);
  }
};
struct Pow {
  template <typename T>
  T operator()(T base, T exponent) const {
    if constexpr (std::is_integral_v<T>) {
      T power = 1;
      for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) power = Mul()(power, base);
        base = Mul()(base, base);
      }
      return power;
    } else {
      return std::pow(base, exponent);
    }
  }
};

// The sign of the dividend, as C's %.
struct TruncateMod {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return b == -1 ? T(0) : static_cast<T>(a % b);
    } else {
      return std::fmod(a, b);
    }
  }
};
// 0 where the divisor, or for x * log(y) and x / y the factor x, is 0.
struct DivNoNan {
  template <typename T>
  T operator()(T a, T b) const {
    return b == 0 ? T(0) : a / b;
  }
};
struct Xdivy {
  template <typename T>
  T operator()(T a, T b) const {
    return a == 0 ? T(0) : a / b;
  }
};
struct Xlogy {
  template <typename T>
  T operator()(T a, T b) const {
    return a == 0 ? T(0) : a * std::log(b);
  }
};
struct Atan2 {
  template <typename T>
  T operator()(T y, T x) const {
    return std::atan2(y, x);
  }
};

// Loops cannot throw, so operands that an integer op refuses are looked for first.
template <typename F>
void CheckIntegerOperand(const Node& node, const Tensor& b) {
  const int64_t least = std::is_same_v<F, Pow> ? 0 : INT64_MIN;
  constexpr bool kDivides = std::is_same_v<F, Div> || std::is_same_v<F, FloorDiv> ||
                            std::is_same_v<F, FloorMod> || std::is_same_v<F, TruncateMod>;
  for (int64_t value : ToInt64s(b)) {
    Require(!kDivides || value != 0, ErrorCode::kBadFile, node.op(), " of integers by 0");
    Require(value >= least, ErrorCode::kBadFile, node.op(), " of integers with exponent ", value);
  }
}

template <typename F>
OpDef BinaryOp(std::string name, F f) {
  return {.name = std::move(name),
          .summary = "Elementwise, of two operands with broadcasting",
          .infer = [](const ShapeContext& context) { return InferBroadcast(context); },
          .evaluate =
              [f](const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
                Dispatch<float, double, int32_t, int64_t>(inputs[0].dtype(), [&](auto t) {
                  using T = decltype(t);
                  if constexpr (std::is_integral_v<T>) CheckIntegerOperand<F>(node, inputs[1]);
                  Broadcast<T, T>(inputs[0], inputs[1], outputs[0], f);
                });
              },
          .is_elementwise = true};
}

template <typename F>
OpDef FloatBinaryOp(std::string name, F f) {
  return {.name = std::move(name),
          .summary = "Elementwise, of two operands with broadcasting",
          .infer = [](const ShapeContext& context) { return InferBroadcast(context); },
          .evaluate =
              [f](const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
                Dispatch<float, double>(inputs[0].dtype(), [&](auto t) {
                  Broadcast<decltype(t), decltype(t)>(inputs[0], inputs[1], outputs[0], f);
                });
              },
          .is_elementwise = true};
}

}  // namespace

// Arithmetic on two operands.
void register_binary(OpRegistry& ops) {
  ops.Add(BinaryOp("Add", Add()));
  ops.Add(BinaryOp("AddV2", Add()));
  ops.Add(BinaryOp("Sub", Sub()));
  ops.Add(BinaryOp("Mul", Mul()));
  ops.Add(BinaryOp("RealDiv", Div()));
  ops.Add(BinaryOp("Div", Div()));
  ops.Add(BinaryOp("FloorDiv", FloorDiv()));
  ops.Add(BinaryOp("FloorMod", FloorMod()));
  ops.Add(BinaryOp("Maximum", Maximum()));
  ops.Add(BinaryOp("Minimum", Minimum()));
  ops.Add(BinaryOp("SquaredDifference", SquaredDifference()));
  ops.Add(BinaryOp("Pow", Pow()));
  ops.Add(BinaryOp("TruncateDiv", Div()));
  ops.Add(BinaryOp("TruncateMod", TruncateMod()));
  ops.Add(BinaryOp("Mod", TruncateMod()));
  ops.Add(FloatBinaryOp("DivNoNan", DivNoNan()));
  ops.Add(FloatBinaryOp("Xdivy", Xdivy()));
  ops.Add(FloatBinaryOp("Xlogy", Xlogy()));
  ops.Add(FloatBinaryOp("Atan2", Atan2()));
}

}  // namespace adze
