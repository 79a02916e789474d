#include "quant/fake_quantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "adze/error.h"
#include "adze/parallel.h"

namespace adze {
namespace {

std::vector<float> Normal(size_t count, float deviation, int seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

TEST(FakeQuantizeParallel, EqualsFakeQuantizeToTheBit) {
  std::vector<float> x = Normal(100003, 3);
  x.insert(x.end(), {0.0f, -0.0f, 1e30f, -1e30f, 1e-30f, std::numeric_limits<float>::infinity()});
  for (int bits : {4, 8}) {
    const QuantParams params = ParamsFromRange(-2.3f, 5.1f, {.num_bits = bits});
    std::vector<float> expected(x.size()), found(x.size());
    FakeQuantize(x, params.scale[0], params.zero_point[0], bits, expected);
    FakeQuantizeParallel(x, params, found);
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(expected[i], found[i]) << x[i];
  }
}

// Section 8.1 as it is written, in double.
ClipGradient Reference(std::span<const float> x, std::span<const float> dy, ClipRange range,
                       const QuantParams& params, std::vector<float>* dx) {
  const double scale = params.scale[0], offset = params.zero_point[0];
  const int bits = params.spec.num_bits;
  ClipGradient sum;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool u = x[i] > static_cast<float>(scale * (QuantMax(bits) - offset));
    const bool lo = x[i] < static_cast<float>(scale * (QuantMin(bits) - offset));
    const double t = (u ? range.clip_max : lo ? range.clip_min : x[i]) / scale;
    const double e = (std::nearbyint(t) - t) / ((1 << bits) - 1);
    sum.clip_max += (e + u) * dy[i];
    sum.clip_min += (lo - e) * dy[i];
    dx->push_back(u || lo ? 0.0f : dy[i]);
  }
  return sum;
}

TEST(UlqBackward, IsTheReferencesFormula) {
  const std::vector<float> x = Normal(50021, 2), dy = Normal(50021, 1, 2);
  for (int bits : {4, 8}) {
    for (const ClipRange range : {ClipRange{-1.7f, 3.3f}, ClipRange{0, 2.5f}}) {
      const QuantParams params =
          ParamsFromRange(range.clip_min, range.clip_max, {.num_bits = bits});
      std::vector<float> dx(x.size()), expected_dx;
      const ClipGradient found = UlqBackward(x, dy, range, params, dx);
      const ClipGradient expected = Reference(x, dy, range, params, &expected_dx);
      EXPECT_EQ(dx, expected_dx);
      EXPECT_NEAR(found.clip_max, expected.clip_max, 1e-3);
      EXPECT_NEAR(found.clip_min, expected.clip_min, 1e-3);
    }
  }
}

// The surrogate that ULQ differentiates: rounding errors stay what they are while the ends move,
// in units of a level. y = (t + (round(t0) - t0)) * scale with t the clipped x / scale.
TEST(UlqBackward, IsTheSlopeOfTheSurrogate) {
  const std::vector<float> x = Normal(4001, 2), dy = Normal(4001, 1, 2);
  const ClipRange range{-1.5f, 3.0f};
  const int bits = 4;
  const QuantParams params = ParamsFromRange(range.clip_min, range.clip_max, {.num_bits = bits});
  // The levels reach as far as offset and scale say, which the zero point's rounding moves.
  const double top = params.scale[0] * (QuantMax(bits) - params.zero_point[0]);
  const double bottom = params.scale[0] * (QuantMin(bits) - params.zero_point[0]);
  const auto loss = [&](double clip_min, double clip_max) {
    const double scale = (clip_max - clip_min) / ((1 << bits) - 1);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const bool u = x[i] > top, lo = x[i] < bottom;
      const double t0 = (u ? range.clip_max : lo ? range.clip_min : x[i]) / params.scale[0];
      const double error = std::nearbyint(t0) - t0;
      sum += dy[i] * ((u ? clip_max : lo ? clip_min : double{x[i]}) + error * scale);
    }
    return sum;
  };
  std::vector<float> dx(x.size());
  const ClipGradient found = UlqBackward(x, dy, range, params, dx);
  const double h = 1e-4;
  EXPECT_NEAR(
      found.clip_max,
      (loss(range.clip_min, range.clip_max + h) - loss(range.clip_min, range.clip_max - h)) /
          (2 * h),
      1e-3);
  EXPECT_NEAR(
      found.clip_min,
      (loss(range.clip_min + h, range.clip_max) - loss(range.clip_min - h, range.clip_max)) /
          (2 * h),
      1e-3);
}

TEST(UlqBackward, DoesNotDependOnThreads) {
  const std::vector<float> x = Normal(300007, 2), dy = Normal(300007, 1, 2);
  const ClipRange range{-1.5f, 3.0f};
  const QuantParams params = ParamsFromRange(range.clip_min, range.clip_max, {});
  std::vector<float> dx(x.size());
  SetNumThreads(1);
  const ClipGradient one = UlqBackward(x, dy, range, params, dx);
  SetNumThreads(2);
  const ClipGradient two = UlqBackward(x, dy, range, params, dx);
  SetNumThreads(0);
  EXPECT_EQ(one.clip_max, two.clip_max);
  EXPECT_EQ(one.clip_min, two.clip_min);
}

TEST(FakeQuantizeWeightArq, EqualsArqToTheBit) {
  struct Case {
    Shape shape;
    std::vector<int> axes;
  };
  for (const Case& c : {Case{{3, 3, 5, 33}, {3}}, Case{{33, 3, 3, 5}, {0}},
                        Case{{3, 3, 7, 2}, {2, 3}}, Case{{3, 3, 6, 5}, {2}}, Case{{37, 10}, {}}}) {
    for (int bits : {4, 8}) {
      Tensor weight = Tensor::From<float>(c.shape, Normal(c.shape.num_elements(), 0.1f));
      weight.mutable_data<float>()[0] = -0.0f;
      const Tensor expected = DequantizeWeight(QuantizeWeightArq(weight, c.axes, bits), c.axes);
      std::vector<float> found(weight.num_elements());
      FakeQuantizeWeightArq(weight.data<float>(), LayoutOfChannels(c.shape, c.axes), bits, found);
      for (size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(std::bit_cast<uint32_t>(expected.data<float>()[i]),
                  std::bit_cast<uint32_t>(found[i]))
            << c.shape.ToString() << " " << i;
      }
    }
  }
}

TEST(FakeQuantizeWeightArq, RefusesWhatIsNotFinite) {
  std::vector<float> weight(40, 0.5f), out(40);
  for (float bad : {NAN, INFINITY}) {
    weight[7] = bad;
    EXPECT_THROW(FakeQuantizeWeightArq(weight, {.inner = 1, .channels = 4}, 8, out), Error);
    EXPECT_THROW(FakeQuantizeWeightArq(weight, {.inner = 10, .channels = 4}, 8, out), Error);
  }
}

}  // namespace
}  // namespace adze
