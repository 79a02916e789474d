#include <cmath>
#include <limits>

#include "ops/support/elementwise.h"

namespace adze {
namespace {

// x.max(constant) is x where x is NaN, as in TensorFlow (the other way round it is not). Branches
// are written as sums of clamped parts, because Eigen does not vectorise select.
struct Relu {
  template <typename X>
  auto operator()(const X& x) const {
    using T = typename X::Scalar;
    return x.max(T(0));
  }
};

struct Relu6 {
  template <typename X>
  auto operator()(const X& x) const {
    using T = typename X::Scalar;
    return x.max(T(0)).min(T(6));
  }
};

// scale * x above 0, scale * alpha * (e^x - 1) below.
struct ScaledElu {
  double scale, alpha;
  template <typename X>
  auto operator()(const X& x) const {
    using T = typename X::Scalar;
    return x.max(T(0)) * T(scale) + (x.min(T(0)).exp() - T(1)) * T(scale * alpha);
  }
};

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|), which neither overflows nor loses small values.
struct Softplus {
  template <typename X>
  auto operator()(const X& x) const {
    using T = typename X::Scalar;
    return x.max(T(0)) + (-x.abs()).exp().log1p();
  }
};

void EvaluateLeakyRelu(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> out) {
  const float alpha = node.attr<float>("alpha", 0.2f);
  Dispatch<float, double>(inputs[0].dtype(), [&](auto t) {
    using T = decltype(t);
    MapElements<T>(inputs[0], out[0],
                   [alpha](const auto& x) { return x.max(T(0)) + x.min(T(0)) * T(alpha); });
  });
}

}  // namespace

void register_activation(OpRegistry& ops) {
  OpDef relu = ElementwiseOp<float, double, int32_t, int64_t>("Relu", Relu());
  relu.is_homogeneous = true;
  ops.Add(std::move(relu));
  ops.Add(ElementwiseOp<float, double, int32_t, int64_t>("Relu6", Relu6()));
  ops.Add({.name = "LeakyRelu",
           .summary = "x, or alpha x below 0",
           .infer = InferSame,
           .evaluate = EvaluateLeakyRelu,
           .is_elementwise = true,
           .is_homogeneous = true});
  ops.Add(ElementwiseOp<float, double>("Elu", ScaledElu{.scale = 1, .alpha = 1}));
  ops.Add(ElementwiseOp<float, double>(
      "Selu", ScaledElu{.scale = 1.0507009873554804934193, .alpha = 1.6732632423543772848170}));
  ops.Add(ElementwiseOp<float, double>("Sigmoid", [](const auto& x) { return x.logistic(); }));
  ops.Add(ElementwiseOp<float, double>("Tanh", [](const auto& x) { return x.tanh(); }));
  ops.Add(ElementwiseOp<float, double>("Softplus", Softplus()));
  ops.Add(ElementwiseOp<float, double>("Softsign", [](const auto& x) {
    using T = typename std::decay_t<decltype(x)>::Scalar;
    return x / (x.abs() + T(1));
  }));
}

}  // namespace adze
