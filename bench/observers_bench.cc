// How fast calibration takes in values and searches factors.
//
// usage: observers_bench [options of Google Benchmark]
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "adze/calibrator.h"
#include "adze/float_histogram.h"

namespace adze {
namespace {

constexpr int kValues = 112 * 112 * 32;  // of the largest layer of a MobileNet
using Random = std::mt19937;

std::vector<float> Draw(int count, uint32_t seed, const std::function<float(Random&)>& draw) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = draw(random);
  return values;
}

std::function<float(Random&)> Normal(float mean, float deviation, float low, float high) {
  return [=, normal = std::normal_distribution<float>(mean, deviation)](Random& random) mutable {
    return std::clamp(normal(random), low, high);
  };
}

float Pixel(Random& random) { return static_cast<float>(random() & 255) / 127.5f - 1; }

void Observe(benchmark::State& state, const std::function<float(Random&)>& draw) {
  const std::vector<float> values = Draw(kValues, 1, draw);
  FloatHistogram histogram;
  histogram.Observe(values);
  for (auto _ : state) histogram.Observe(values);
  state.SetItemsProcessed(state.iterations() * kValues);
}

// As many histograms as ResNet-50 has layers, half of them of a ReLU.
void SearchIfmr(benchmark::State& state) {
  std::vector<FloatHistogram> histograms(54);
  for (int i = 0; i < 54; ++i) {
    const float deviation = std::exp2(static_cast<float>(i % 9) - 4);
    histograms[i].Observe(
        Draw(kValues, i, Normal(deviation / 4, deviation, i % 2 ? 0 : -1e9f, 1e9f)));
  }
  for (auto _ : state) {
    for (const FloatHistogram& histogram : histograms) {
      benchmark::DoNotOptimize(CalibrateValues(histogram, {.algorithm = "ifmr"}));
    }
  }
}

BENCHMARK_CAPTURE(Observe, relu6, Normal(0.3f, 2, 0, 6));
BENCHMARK_CAPTURE(Observe, signed_normal, Normal(0, 2, -1e9f, 1e9f));
BENCHMARK_CAPTURE(Observe, image, Pixel);
BENCHMARK(SearchIfmr)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace adze

BENCHMARK_MAIN();
