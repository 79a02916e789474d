#include "retrain/fake_quant.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/torch/torch_op.h"

namespace adze {
namespace {

at::Tensor End(float value) { return at::full({1}, value).set_requires_grad(true); }

bool SameBits(const at::Tensor& a, const Tensor& b) {
  const at::Tensor plain = a.detach().contiguous();
  return ShapeOf(plain) == b.shape() && std::memcmp(plain.data_ptr(), b.raw(), b.num_bytes()) == 0;
}

TEST(UlqFakeQuant, ForwardIsThatOfQuantToTheBit) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({2, 7, 5, 3}) * 3;
  for (int bits : {4, 8}) {
    const QuantParams params = ParamsFromRange(-1.5f, 4.25f, {.num_bits = bits});
    Tensor expected = FromTorch(x).Clone();
    FakeQuantize(expected.data<float>(), params.scale[0], params.zero_point[0], bits,
                 expected.mutable_data<float>());
    EXPECT_TRUE(SameBits(UlqFakeQuant(x, End(-1.5f), End(4.25f), bits), expected));
    // Elements in another order in memory, and not dense.
    const at::Tensor turned = x.permute({0, 3, 1, 2}).contiguous().permute({0, 2, 3, 1});
    EXPECT_TRUE(SameBits(UlqFakeQuant(turned, End(-1.5f), End(4.25f), bits), expected));
    const at::Tensor gaps = at::stack({x, x}, -1).select(-1, 1);
    EXPECT_TRUE(SameBits(UlqFakeQuant(gaps, End(-1.5f), End(4.25f), bits), expected));
  }
}

// Where x lies well inside of its level, y does not move with it, but the gradient passes; the ends
// get what section 8.1 says.
TEST(UlqFakeQuant, GradientsOfTheReference) {
  at::manual_seed(2);
  const at::Tensor x = (at::randn({1000}) * 2).set_requires_grad(true);
  const at::Tensor dy = at::randn({1000}), low = End(-1.3f), high = End(2.9f);
  const QuantParams params = ParamsFromRange(-1.3f, 2.9f, {.num_bits = 4});
  UlqFakeQuant(x, low, high, 4).backward(dy);
  double expected_low = 0, expected_high = 0;
  const double scale = params.scale[0], offset = params.zero_point[0];
  for (int i = 0; i < 1000; ++i) {
    const auto value = x.detach()[i].item<double>(), g = dy[i].item<double>();
    const bool above = value > scale * (7 - offset), below = value < scale * (-8 - offset);
    const double t = (above ? double{2.9f} : below ? double{-1.3f} : value) / scale;
    const double e = (std::nearbyint(t) - t) / 15;
    expected_high += (e + above) * g;
    expected_low += (below - e) * g;
    EXPECT_EQ(x.grad()[i].item<double>(), above || below ? 0 : g);
  }
  EXPECT_NEAR(high.grad().item<double>(), expected_high, 1e-3);
  EXPECT_NEAR(low.grad().item<double>(), expected_low, 1e-3);
}

TEST(UlqFakeQuant, TakesGradientsInAnotherOrder) {
  at::manual_seed(3);
  const at::Tensor x = at::randn({2, 3, 4, 5}).set_requires_grad(true);
  const at::Tensor dy = at::randn({2, 5, 3, 4}).permute({0, 2, 3, 1});
  UlqFakeQuant(x, End(-9), End(9), 8).backward(dy);
  EXPECT_TRUE(x.grad().equal(dy));
}

TEST(ArqFakeQuant, ForwardIsThatOfQuantToTheBit) {
  at::manual_seed(4);
  struct Case {
    std::vector<int64_t> shape;
    std::vector<int> axes;
  };
  for (const Case& c : {Case{{3, 3, 4, 6}, {3}}, Case{{3, 3, 4, 2}, {2, 3}},
                        Case{{3, 3, 6, 4}, {2}}, Case{{1, 1, 4, 6}, {3}}, Case{{10, 7}, {}}}) {
    const at::Tensor weight = at::randn(c.shape);
    for (int bits : {4, 8}) {
      const Tensor expected =
          DequantizeWeight(QuantizeWeightArq(FromTorch(weight), c.axes, bits), c.axes);
      EXPECT_TRUE(SameBits(ArqFakeQuant(weight, c.axes, bits), expected));
      if (weight.dim() < 4) continue;
      const at::Tensor turned = weight.permute({3, 0, 1, 2}).contiguous().permute({1, 2, 3, 0});
      EXPECT_TRUE(SameBits(ArqFakeQuant(turned, c.axes, bits), expected)) << bits;
    }
  }
}

// Also where the weight is saturated: -8 has a code, 8 has none.
TEST(ArqFakeQuant, GradientPassesUnchanged) {
  const at::Tensor weight =
      at::arange(24, at::kFloat).reshape({1, 1, 4, 6}).set_requires_grad(true);
  const at::Tensor dy = at::randn({1, 1, 4, 6});
  ArqFakeQuant(weight, {3}, 4).backward(dy);
  EXPECT_TRUE(weight.grad().equal(dy));
}

}  // namespace
}  // namespace adze
