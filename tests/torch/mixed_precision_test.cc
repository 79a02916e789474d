// Products in bfloat16, all else in float32.
#include <gtest/gtest.h>

#include "adze/registry.h"
#include "engine/torch/torch_session.h"

namespace adze {
namespace {

Tensor Ramp(const Shape& shape, float first, float step) {
  Tensor tensor(DType::kFloat, shape);
  float x = first;
  for (float& element : tensor.mutable_data<float>()) {
    element = x;
    x = x + step > 1 ? -1 : x + step;
  }
  return tensor;
}

// x -> one product by constant "w", whose elements are no bfloat16 numbers.
Graph Product(const std::string& op) {
  Graph graph(Builtin<OpRegistry>());
  const Shape shape = op == "MatMul" ? Shape{-1, 64} : Shape{-1, 4, 4, 6};
  const Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", shape}}).output();
  if (op == "MatMul") {
    const Value w = graph.AddConst("w", Ramp({64, 64}, -0.97f, 0.0713f)).output();
    graph.SetOutputs({{"y", graph.Add("y", op, {x, w}, {{"T", DType::kFloat}}).output()}});
    return graph;
  }
  const AttrMap attributes = {{"T", DType::kFloat},
                              {"strides", std::vector<int64_t>{1, 1, 1, 1}},
                              {"padding", std::string("SAME")}};
  const Value w = graph.AddConst("w", Ramp({3, 3, 6, 6}, -0.97f, 0.0713f)).output();
  std::vector<Value> inputs = {x, w};
  if (op == "Conv2DBackpropInput") {
    inputs.insert(inputs.begin(),
                  graph.AddConst("sizes", Tensor::Vector<int32_t>({2, 4, 4, 6})).output());
    std::swap(inputs[1], inputs[2]);
  }
  graph.SetOutputs({{"y", graph.Add("y", op, inputs, attributes).output()}});
  return graph;
}

at::Tensor Rounded(const at::Tensor& x) { return x.to(at::kBFloat16).to(at::kFloat); }

struct Results {
  at::Tensor y, dx, dw;
};

Results RunProduct(const Graph& graph, const at::Tensor& samples, bool rounded, bool mixed) {
  TorchSession session(graph, {}, {.mixed_precision = mixed});
  at::Tensor w = session.Variable(*graph.Find("w"));
  if (rounded) {
    const at::NoGradGuard constant;
    w.copy_(Rounded(w));
  }
  const at::Tensor x = (rounded ? Rounded(samples) : samples.clone()).set_requires_grad(true);
  const at::Tensor y = session.Run({{"x", x}})[0];
  // Gradients of y that bfloat16 has.
  (y * at::arange(1, 4)
           .to(at::kFloat)
           .repeat({y.numel() / 3 + 1})
           .narrow(0, 0, y.numel())
           .view(y.sizes()))
      .sum()
      .backward();
  return {y.detach(), x.grad(), w.grad()};
}

class MixedPrecision : public testing::TestWithParam<const char*> {};

// The same as float32 makes of rounded operands, rounded: not of the operands as they are.
TEST_P(MixedPrecision, RoundsOperandsAndResults) {
  if (!__builtin_cpu_supports("avx512bw")) {
    GTEST_SKIP() << "without AVX-512 LibTorch's products in bfloat16 add up in it, too";
  }
  const std::string op = GetParam();
  at::manual_seed(1);
  const at::Tensor samples = op == "MatMul" ? at::randn({64, 64}) : at::randn({2, 4, 4, 6});
  const Graph graph = Product(op);
  const Results plain = RunProduct(graph, samples, true, false),
                mixed = RunProduct(graph, samples, false, true),
                unrounded = RunProduct(graph, samples, false, false);
  const auto check = [](const at::Tensor& got, const at::Tensor& wanted, const at::Tensor& other) {
    ASSERT_EQ(got.scalar_type(), at::kFloat);
    ASSERT_EQ(got.sizes(), wanted.sizes());
    const auto error = [&](const at::Tensor& from) {
      return ((got - Rounded(from)).norm() / from.norm()).item<double>();
    };
    EXPECT_LT(error(wanted), 5e-4);  // sums in another order cross few roundings
    EXPECT_GT(error(other), 1e-3);
  };
  check(mixed.y, plain.y, unrounded.y);
  check(mixed.dx, plain.dx, unrounded.dx);
  check(mixed.dw, plain.dw, unrounded.dw);
}

INSTANTIATE_TEST_SUITE_P(Ops, MixedPrecision,
                         testing::Values("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput",
                                         "MatMul"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace adze
