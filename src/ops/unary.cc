#include <cmath>

#include "ops/support/elementwise.h"

namespace adze {
namespace {

// Integers wrap around, which signed arithmetic in C++ may not.
template <typename T>
T WrappingNeg(T v) {
  return static_cast<T>(0 - static_cast<uint64_t>(v));
}

struct Neg {
  template <typename X>
  auto operator()(const X& x) const {
    using T = typename X::Scalar;
    if constexpr (std::is_integral_v<T>) {
      return x.unaryExpr([](T v) { return WrappingNeg(v); });
    } else {
      return -x;
    }
  }
};

struct Abs {
  template <typename X>
  auto operator()(const X& x) const {
    using T = typename X::Scalar;
    if constexpr (std::is_integral_v<T>) {
      return x.unaryExpr([](T v) { return v < 0 ? WrappingNeg(v) : v; });
    } else {
      return x.abs();
    }
  }
};

struct Square {
  template <typename X>
  auto operator()(const X& x) const {
    using T = typename X::Scalar;
    if constexpr (std::is_integral_v<T>) {
      return x.unaryExpr(
          [](T v) { return static_cast<T>(static_cast<uint64_t>(v) * static_cast<uint64_t>(v)); });
    } else {
      return x.square();
    }
  }
};

}  // namespace

// Functions of one number.
void register_unary(OpRegistry& ops) {
  const auto reciprocal = [](const auto& x) { return x.inverse(); };
  ops.Add(ElementwiseOp<float, double, int32_t, int64_t>("Abs", Abs()));
  ops.Add(ElementwiseOp<float, double, int32_t, int64_t>("Neg", Neg()));
  ops.Add(ElementwiseOp<float, double, int32_t, int64_t>("Square", Square()));
  ops.Add(ElementwiseOp<float, double, int32_t, int64_t>("Sign",
                                                         [](const auto& x) { return x.sign(); }));
  ops.Add(ElementwiseOp<float, double>("Exp", [](const auto& x) { return x.exp(); }));
  ops.Add(ElementwiseOp<float, double>("Expm1", [](const auto& x) { return x.expm1(); }));
  ops.Add(ElementwiseOp<float, double>("Log", [](const auto& x) { return x.log(); }));
  ops.Add(ElementwiseOp<float, double>("Log1p", [](const auto& x) { return x.log1p(); }));
  ops.Add(ElementwiseOp<float, double>("Reciprocal", reciprocal));
  ops.Add(ElementwiseOp<float, double>("Inv", reciprocal));
  ops.Add(ElementwiseOp<float, double>("Sin", [](const auto& x) { return x.sin(); }));
  ops.Add(ElementwiseOp<float, double>("Cos", [](const auto& x) { return x.cos(); }));
  ops.Add(ElementwiseOp<float, double>("Floor", [](const auto& x) { return x.floor(); }));
  ops.Add(ElementwiseOp<float, double>("Ceil", [](const auto& x) { return x.ceil(); }));
  const auto add = [&](const char* name, auto f) {
    ops.Add(ElementwiseOp<float, double>(name, [f](const auto& x) { return x.unaryExpr(f); }));
  };
  // Eigen's own starts from what the processor estimates, which differs between processors.
  add("Sqrt", [](auto v) { return std::sqrt(v); });
  add("Rsqrt", [](auto v) { return 1 / std::sqrt(v); });
  add("Tan", [](auto v) { return std::tan(v); });
  add("Asin", [](auto v) { return std::asin(v); });
  add("Acos", [](auto v) { return std::acos(v); });
  add("Atan", [](auto v) { return std::atan(v); });
  add("Sinh", [](auto v) { return std::sinh(v); });
  add("Cosh", [](auto v) { return std::cosh(v); });
  add("Asinh", [](auto v) { return std::asinh(v); });
  add("Acosh", [](auto v) { return std::acosh(v); });
  add("Atanh", [](auto v) { return std::atanh(v); });
  add("Erf", [](auto v) { return std::erf(v); });
  add("Erfc", [](auto v) { return std::erfc(v); });
  // Half to even, both.
  ops.Add(ElementwiseOp<float, double>("Round", [](const auto& x) { return x.rint(); }));
  ops.Add(ElementwiseOp<float, double>("Rint", [](const auto& x) { return x.rint(); }));
}

}  // namespace adze
