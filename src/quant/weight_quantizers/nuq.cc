// NUQ: int8 weights that take 16 or 32 values only, so that the device can store them compressed
// (reference/amct-algorithms section 9). How AMCT clusters is unpublished; here k-means over the
// int8 values with the given number of rounds.
#include <algorithm>
#include <array>
#include <cmath>

#include "adze/error.h"
#include "adze/weight_quantizer.h"

namespace adze {
namespace {

constexpr int kLowest = -128, kHighest = 127;

// How often each int8 value occurs.
class Counts {
 public:
  explicit Counts(const Tensor& codes) {
    for (int8_t code : codes.data<int8_t>()) ++counts_[code - kLowest];
  }
  int64_t operator[](int code) const { return counts_[code - kLowest]; }

 private:
  std::array<int64_t, 256> counts_ = {};
};

// Where few values occur: all of them, and others, next to zero first, to have as many as asked
// for.
std::vector<int32_t> ValuesThemselves(const std::vector<int32_t>& values, int num_steps) {
  std::vector<int32_t> centres = values;
  for (int i = 0; static_cast<int>(centres.size()) < num_steps; ++i) {
    const int32_t code = i % 2 ? (i + 1) / 2 : -i / 2;  // 0, 1, -1, 2, ...
    if (std::find(values.begin(), values.end(), code) == values.end()) centres.push_back(code);
  }
  std::sort(centres.begin(), centres.end());
  return centres;
}

// Centres as dense as the cube root of the counts, which is what the least squared error has in the
// limit of many centres (Panter and Dite 1951).
std::vector<int32_t> Spread(const Counts& counts, int num_steps) {
  double all = 0;
  for (int code = kLowest; code <= kHighest; ++code) {
    all += std::cbrt(static_cast<double>(counts[code]));
  }
  std::vector<int32_t> centres;
  double below = 0;
  for (int code = kLowest; code <= kHighest; ++code) {
    below += std::cbrt(static_cast<double>(counts[code]));
    const auto i = static_cast<double>(centres.size());
    const bool must = kHighest - code < num_steps - static_cast<int>(centres.size());
    if (static_cast<int>(centres.size()) == num_steps) break;
    if (must || below * num_steps > (i + 0.5) * all) centres.push_back(code);
  }
  return centres;
}

// One round: each centre moves to the mean of the values that are nearest to it. Rounded means of
// disjoint ranges of integers stay distinct and ascending.
void MoveToMeans(const Counts& counts, std::vector<int32_t>* centres) {
  std::vector<double> sums(centres->size()), sizes(centres->size());
  size_t nearest = 0;
  for (int code = kLowest; code <= kHighest; ++code) {
    while (nearest + 1 < centres->size() &&
           2 * code > (*centres)[nearest] + (*centres)[nearest + 1]) {
      ++nearest;
    }
    sums[nearest] += static_cast<double>(counts[code]) * code;
    sizes[nearest] += static_cast<double>(counts[code]);
  }
  for (size_t i = 0; i < centres->size(); ++i) {
    if (sizes[i] > 0) (*centres)[i] = static_cast<int32_t>(std::nearbyint(sums[i] / sizes[i]));
  }
}

WeightFactors Compute(const Tensor& weight, const std::vector<int>& channel_axes,
                      const WeightConfig& config) {
  Check(config.num_bits == 8, "centres are int8");
  WeightFactors factors{WeightParamsArq(weight, channel_axes, config.num_bits)};
  const Counts counts(QuantizeWeight(weight, factors.params, channel_axes).values);
  std::vector<int32_t> values;
  for (int code = kLowest; code <= kHighest; ++code) {
    if (counts[code] > 0) values.push_back(code);
  }
  if (static_cast<int>(values.size()) <= config.num_steps) {
    factors.cluster = ValuesThemselves(values, config.num_steps);
    return factors;
  }
  factors.cluster = Spread(counts, config.num_steps);
  for (int i = 0; i < config.num_iterations; ++i) MoveToMeans(counts, &factors.cluster);
  return factors;
}

}  // namespace

void register_nuq(WeightQuantizerRegistry& quantizers) {
  quantizers.Add({.name = "nuq",
                  .summary = "16 or 32 values of int8 for a layer, by clustering",
                  .num_bits = {8},
                  .ops = {"Conv2D", "MatMul"},
                  .has_centres = true,
                  .compute = Compute});
}

}  // namespace adze
