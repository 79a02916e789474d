#pragma once

#include <bit>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "adze/float_histogram.h"
#include "quant/distinct_values.h"
#include "quant/extremes.h"
#include "quant/float_buckets.h"
#include "quant/float_scatter.h"
#include "quant/sift.h"

namespace adze {

struct FloatHistogram::Impl {
  uint64_t zeros = 0;  // and what is as good as 0
  uint64_t nonfinite = 0;
  std::optional<DistinctValues> distinct{kDistinct};  // absent: in the buckets
  FloatBuckets buckets;
  Extremes largest{kExtremes, Extremes::kLargest};
  Extremes smallest{kExtremes, Extremes::kSmallest};

  void ObserveBlock(std::span<const float> values, FloatScatter* scatter) {
    Sifted sifted;
    Sift(values, &sifted);
    if (sifted.most_magnitude >= kInfinityBits) return ObserveFinite(values, scatter);
    zeros += values.size() - sifted.num_nonzero;
    if (largest.Wants(sifted.most)) largest.Add(values);
    if (smallest.Wants(sifted.least)) smallest.Add(values);
    std::span<const uint32_t> nonzero(sifted.nonzero, sifted.num_nonzero);
    if (distinct) {
      nonzero = nonzero.subspan(distinct->Add(nonzero));
      if (!nonzero.empty()) Spill();
    }
    scatter->Add(nonzero, sifted.most_magnitude);
  }

  // A block with values that are not finite.
  void ObserveFinite(std::span<const float> values, FloatScatter* scatter) {
    std::vector<float> finite;
    for (float value : values) {
      if (std::isfinite(value)) finite.push_back(value);
    }
    nonfinite += values.size() - finite.size();
    if (!finite.empty()) ObserveBlock(finite, scatter);
  }

  // The scatter must hold nothing yet.
  void Spill() {
    distinct->ForEach(
        [&](float value, uint64_t count) { buckets.Add(std::bit_cast<uint32_t>(value), count); });
    distinct.reset();
  }

  void MergeDistinct(const DistinctValues& other) {
    other.ForEach([&](float value, uint64_t count) {
      if (distinct && !distinct->Add(value, count)) Spill();
      if (!distinct) buckets.Add(std::bit_cast<uint32_t>(value), count);
    });
  }
};

}  // namespace adze
