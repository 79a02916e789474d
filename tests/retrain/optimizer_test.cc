#include "retrain/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "adze/error.h"
#include "retrain/train.h"

namespace adze {
namespace {

// The value after steps by these gradients.
double After(OptimizerKind kind, const std::vector<double>& gradients, double rate) {
  TrainedVariable variable{.name = "w", .value = at::full({1}, 1.0f).set_requires_grad(true)};
  PrepareSlots(kind, &variable);
  for (size_t i = 0; i < gradients.size(); ++i) {
    variable.value.mutable_grad() = at::full({1}, gradients[i]);
    ApplyGradient(kind, rate, static_cast<int64_t>(i) + 1, &variable);
    EXPECT_FALSE(variable.value.grad().defined());
  }
  return variable.value.item<double>();
}

TEST(Optimizer, SgdHasMomentum) {
  EXPECT_NEAR(After(OptimizerKind::kSgd, {2, 1}, 0.1), 1 - 0.1 * 2 - 0.1 * (0.9 * 2 + 1), 1e-6);
}

// The first step of Adam is the rate, whatever the gradient's size.
TEST(Optimizer, AdamIsThePapers) {
  EXPECT_NEAR(After(OptimizerKind::kAdam, {1e3}, 0.1), 0.9, 1e-6);
  EXPECT_NEAR(After(OptimizerKind::kAdam, {-1e-3}, 0.1), 1.1, 1e-4);
  double m = 0, v = 0, w = 1;
  for (int t = 1; t <= 2; ++t) {
    const double g = t == 1 ? 2 : -0.5;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w -= 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
  }
  EXPECT_NEAR(After(OptimizerKind::kAdam, {2, -0.5}, 0.1), w, 1e-6);
}

TEST(Optimizer, RmsPropIsTensorFlows) {
  const double first = 0.1 * 2 / std::sqrt(0.1 * 4 + 1e-3);
  EXPECT_NEAR(After(OptimizerKind::kRmsProp, {2}, 0.1), 1 - first, 1e-6);
}

TEST(Optimizer, RefusesUnknownNames) {
  EXPECT_THROW(OptimizerByName("lion"), Error);
  EXPECT_EQ(OptimizerByName("rmsprop"), OptimizerKind::kRmsProp);
}

TEST(LearningRate, FollowsTheSchedule) {
  TrainingOptions options{.learning_rate = 0.1};
  EXPECT_DOUBLE_EQ(LearningRateAt(options, 0, 100), 0.1);
  EXPECT_NEAR(LearningRateAt(options, 50, 100), 0.05, 1e-12);
  EXPECT_LT(LearningRateAt(options, 99, 100), 1e-4);
  options.schedule = "step";
  EXPECT_DOUBLE_EQ(LearningRateAt(options, 49, 100), 0.1);
  EXPECT_NEAR(LearningRateAt(options, 50, 100), 0.01, 1e-12);
  EXPECT_NEAR(LearningRateAt(options, 75, 100), 0.001, 1e-12);
  options.schedule = "weekly";
  EXPECT_THROW(LearningRateAt(options, 0, 100), Error);
}

}  // namespace
}  // namespace adze
