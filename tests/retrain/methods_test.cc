// Every way to learn factors (src/retrain/methods).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "adze/registry.h"
#include "engine/torch/torch_op.h"
#include "io/refusal.h"
#include "retrain/method.h"

namespace adze {
namespace {

bool SameBits(const at::Tensor& a, const Tensor& b) {
  const at::Tensor plain = a.detach().contiguous();
  return ShapeOf(plain) == b.shape() && std::memcmp(plain.data_ptr(), b.raw(), b.num_bytes()) == 0;
}

at::Tensor FactorOf(const LearnedQuantizer& quantizer, const std::string& name) {
  for (const LearnedFactor& factor : quantizer.factors()) {
    if (factor.name == name) return factor.value;
  }
  ADD_FAILURE() << "no factor " << name;
  return {};
}

TEST(RetrainMethods, ForwardOfActivationsIsThatOfQuantToTheBit) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({2, 7, 5, 3}) * 3;
  for (const auto& [name, method] : Builtin<RetrainMethodRegistry>().all()) {
    if (!method.activation) continue;
    for (const int bits : {4, 8}) {
      for (const double low : {-1.7, 0.0}) {
        const auto quantizer =
            method.activation({.low = low, .high = 4.3, .num_bits = bits, .fixed_min = low == 0});
        const QuantParams params = quantizer->params();
        Tensor expected = FromTorch(x).Clone();
        FakeQuantize(expected.data<float>(), params.scale[0], params.zero_point[0], bits,
                     expected.mutable_data<float>());
        EXPECT_TRUE(SameBits(quantizer->Quantize(x), expected))
            << name << " " << bits << " " << low;
        if (low == 0) {
          EXPECT_EQ(params.zero_point[0], QuantMin(bits)) << name;
        }
      }
    }
  }
}

TEST(RetrainMethods, ForwardOfWeightsIsThatOfQuantToTheBit) {
  at::manual_seed(2);
  for (const auto& [name, method] : Builtin<RetrainMethodRegistry>().all()) {
    if (!method.weight) continue;
    for (const std::vector<int>& axes : {std::vector<int>{3}, {2, 3}, {}}) {
      const at::Tensor weight = at::randn({3, 3, 4, 6});
      const Tensor plain = FromTorch(weight).Clone();
      const auto quantizer = method.weight({.weight = plain, .channel_axes = axes, .num_bits = 4});
      const QuantParams params = quantizer->ParamsOf(plain);
      const Tensor expected = DequantizeWeight(QuantizeWeight(plain, params, axes), axes);
      EXPECT_TRUE(SameBits(quantizer->Quantize(weight), expected)) << name << axes.size();
    }
  }
}

// The surrogate that a learned scale's gradient is exact for: what rounding adds to x / scale is
// held where it is, saturation moves.
double Surrogate(double x, double frozen_error, double scale, int saturated, double low) {
  return saturated == 0 ? (x / scale + frozen_error) * scale : low + saturated * scale;
}

// d scale and d low against differences of the surrogate.
TEST(RetrainMethods, LsqPlusMatchesFiniteDifferences) {
  at::manual_seed(3);
  const int64_t count = 500;
  const at::Tensor x = (at::randn({count}) * 2).set_requires_grad(true), dy = at::randn({count});
  const auto quantizer = Builtin<RetrainMethodRegistry>()
                             .all()
                             .at("lsq_plus")
                             .activation({.low = -1.5, .high = 2.25, .num_bits = 4});
  quantizer->Quantize(x).backward(dy);
  const QuantParams params = quantizer->params();
  const double scale = params.scale[0], zero_point = params.zero_point[0];
  const double least = QuantMin(4) - zero_point, most = QuantMax(4) - zero_point;
  const auto loss = [&](double s, double low) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const auto value = x.detach()[i].item<double>(), g = dy[i].item<double>();
      const double t = value / scale;
      double y;
      if (t < least) {
        y = low;
      } else if (t > most) {
        y = low + (most - least) * s;
      } else {
        y = Surrogate(value, std::nearbyint(t) - t, s, 0, low);
      }
      sum += g * y;
    }
    return sum;
  };
  const double step = 1e-4, low = -1.5;
  const double by_scale = (loss(scale + step, low) - loss(scale - step, low)) / (2 * step);
  const double by_low = (loss(scale, low + step) - loss(scale, low - step)) / (2 * step);
  const double factor = 1 / std::sqrt(static_cast<double>(count) * QuantMax(4));
  EXPECT_NEAR(FactorOf(*quantizer, "scale").grad().item<double>(), factor * by_scale,
              1e-4 * std::abs(factor * by_scale) + 1e-5);
  EXPECT_NEAR(FactorOf(*quantizer, "low").grad().item<double>(), by_low,
              1e-4 * std::abs(by_low) + 1e-4);
  for (int64_t i = 0; i < count; ++i) {
    const double t = x.detach()[i].item<double>() / scale;
    EXPECT_EQ(x.grad()[i].item<float>(), t < least || t > most ? 0 : dy[i].item<float>());
  }
}

// Section 8.3: ds = sum g [(round(t) - t) inside - 2^(b-1) Lo + (2^(b-1) - 1) U] / sqrt(N Qmax).
TEST(RetrainMethods, LearnedWeightScalesHaveTheReferencesGradient) {
  at::manual_seed(4);
  for (const std::string name : {"ulq", "lsq"}) {
    const at::Tensor weight = at::randn({2, 2, 3, 4}).set_requires_grad(true);
    const at::Tensor dy = at::randn({2, 2, 3, 4});
    const auto quantizer = Builtin<RetrainMethodRegistry>().all().at(name).weight(
        {.weight = FromTorch(weight).Clone(), .channel_axes = {3}, .num_bits = 4});
    const at::Tensor scale = FactorOf(*quantizer, "scale");
    {
      const at::NoGradGuard constant;
      scale.mul_(0.6);  // so that some weights are beyond the ends
    }
    quantizer->Quantize(weight).backward(dy);
    bool any_beyond = false;
    for (int64_t channel = 0; channel < 4; ++channel) {
      double expected = 0;
      const auto s = scale.detach().flatten()[channel].item<double>();
      for (int64_t i = 0; i < 12; ++i) {
        const auto w = weight.detach().reshape({12, 4})[i][channel].item<double>();
        const auto g = dy.reshape({12, 4})[i][channel].item<double>();
        const double t = w / s;
        const bool above = t > 7, below = t < -8;
        expected += g * (above ? 7 : below ? -8 : std::nearbyint(t) - t);
        any_beyond |= above || below;
        const auto dw = weight.grad().reshape({12, 4})[i][channel].item<double>();
        EXPECT_EQ(dw, (above || below) && name == "lsq" ? 0 : g);
      }
      EXPECT_NEAR(scale.grad().flatten()[channel].item<double>(), expected / std::sqrt(12 * 7.0),
                  1e-5);
    }
    EXPECT_TRUE(any_beyond);
  }
}

// Scales are powers of two, and the threshold's gradient is ln 2 times scale times that of scale.
TEST(RetrainMethods, TqtLearnsPowersOfTwo) {
  at::manual_seed(5);
  const at::Tensor x = (at::randn({400}) * 2).set_requires_grad(true), dy = at::randn({400});
  const auto quantizer = Builtin<RetrainMethodRegistry>().all().at("tqt").activation(
      {.low = -1.5, .high = 2.25, .num_bits = 4});
  const QuantParams params = quantizer->params();
  EXPECT_EQ(params.scale[0], 0.5f);  // 2^ceil(log2 2.25) / 8
  EXPECT_EQ(params.zero_point[0], 0);
  quantizer->Quantize(x).backward(dy);
  double expected = 0;
  for (int64_t i = 0; i < 400; ++i) {
    const double t = x.detach()[i].item<double>() / 0.5;
    const double slope = t > 7 ? 7 : t < -8 ? -8 : std::nearbyint(t) - t;
    expected += slope * dy[i].item<double>();
  }
  const double found = FactorOf(*quantizer, "log2_threshold").grad().item<double>();
  EXPECT_NEAR(found, expected * 0.5 * std::log(2.0), 1e-3);
  const auto positive = Builtin<RetrainMethodRegistry>().all().at("tqt").activation(
      {.low = 0, .high = 6, .num_bits = 8, .fixed_min = true});
  EXPECT_EQ(positive->params().scale[0], 8.0f / 256);
  EXPECT_EQ(positive->params().zero_point[0], -128);
}

TEST(RetrainMethods, FactorsGoBackWhereAStepMadeThemUnsound) {
  const auto& all = Builtin<RetrainMethodRegistry>().all();
  const auto ulq = all.at("ulq").activation({.low = -1, .high = 2, .num_bits = 8});
  const auto lsq = all.at("lsq_plus").activation({.low = -1, .high = 2, .num_bits = 8});
  const QuantParams before = lsq->params();
  {
    const at::NoGradGuard constant;
    FactorOf(*ulq, "clip_max").fill_(-3);
    FactorOf(*lsq, "scale").fill_(-0.1);
  }
  ulq->Restore();
  lsq->Restore();
  EXPECT_EQ(FactorOf(*ulq, "clip_max").item<float>(), 2);
  EXPECT_EQ(FactorOf(*ulq, "clip_min").item<float>(), -1);
  EXPECT_EQ(lsq->params(), before);
}

TEST(RetrainMethods, UnknownNamesAreRefused) {
  EXPECT_THAT(Refusal([] { ActivationMethodByName("arq"); }),
              testing::HasSubstr("there are lsq, lsq_plus, tqt, ulq"));
  EXPECT_THAT(Refusal([] { WeightMethodByName("lsq_plus"); }),
              testing::HasSubstr("there are arq, lsq, tqt, ulq"));
}

}  // namespace
}  // namespace adze
