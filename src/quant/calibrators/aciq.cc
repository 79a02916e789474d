// ACIQ (Banner, Nahshan, Hoffer, Soudry 2018, arXiv:1810.05723): the clipping value that would be
// best if the values were Laplace or Gauss distributed, in closed form. Of a ReLU's output the
// positive values are taken for the upper half of such a distribution around 0.
#include <algorithm>
#include <cmath>

#include "adze/calibrator.h"
#include "quant/distribution.h"

namespace adze {
namespace {

// Where a falling function is 0, in [low, high].
template <typename Function>
double Root(double low, double high, const Function& function) {
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (function(middle) > 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

// With b = E|x - mean|, clipping at t b leaves the noise 2 b^2 exp(-t) + (t b)^2 / (3 4^bits).
double LaplaceFactor(int bits) {
  const double step = 1 / (3 * std::pow(4.0, bits));
  return Root(0, 100, [&](double t) { return std::exp(-t) - t * step; });
}

// With the standard deviation s, clipping at t s leaves the noise
//   s^2 [(t^2 + 1) erfc(t / sqrt 2) - sqrt(2 / pi) t exp(-t^2 / 2) + t^2 / (3 4^bits)].
double GaussFactor(int bits) {
  const double step = 1 / (3 * std::pow(4.0, bits));
  return Root(0, 40, [&](double t) {
    return std::sqrt(2 / M_PI) * std::exp(-t * t / 2) - t * std::erfc(t / std::sqrt(2.0)) -
           t * step;
  });
}

struct Spread {
  double mean = 0, absolute = 0, deviation = 0;
};

Spread SpreadOf(const Distribution& values) {
  const Distribution::Moments all = values.all();
  const double mean = all.sum / all.count;
  const Distribution::Moments below = values.Below(mean);
  return {mean, 2 * (mean * below.count - below.sum) / all.count,
          std::sqrt(std::max(0.0, all.SquaresAround(mean) / all.count))};
}

Spread SpreadOfPositive(const Distribution& values) {
  const Distribution::Moments positive = values.all() - values.Below(std::nextafter(0.0, 1.0));
  if (positive.count == 0) return {};
  return {0, positive.sum / positive.count, std::sqrt(positive.square / positive.count)};
}

template <double (*kFactor)(int), double Spread::*kWidth>
QuantParams Compute(const FloatHistogram& values, const CalibratorSettings& settings) {
  const Distribution distribution(values);
  const float min = values.Smallest(1), max = values.Largest(1);
  // The same levels on one half of the range are as good as one more bit on all of it.
  const bool one_sided = min >= 0;
  const bool half = one_sided && !settings.spec.symmetric;
  const Spread spread = one_sided ? SpreadOfPositive(distribution) : SpreadOf(distribution);
  const double reach = spread.*kWidth * kFactor(settings.spec.num_bits + (half ? 1 : 0));
  const auto low = static_cast<float>(one_sided ? 0 : spread.mean - reach);
  return ParamsFromRange(std::max(min, low), std::min(max, static_cast<float>(spread.mean + reach)),
                         settings.spec);
}

}  // namespace

void register_aciq(CalibratorRegistry& calibrators) {
  calibrators.Add({.name = "aciq_laplace",
                   .summary = "analytic clipping as for Laplace distributed values",
                   .compute = Compute<LaplaceFactor, &Spread::absolute>});
  calibrators.Add({.name = "aciq_gauss",
                   .summary = "analytic clipping as for Gauss distributed values",
                   .compute = Compute<GaussFactor, &Spread::deviation>});
}

}  // namespace adze
