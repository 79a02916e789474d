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
  bool began = false;          // something was observed
  bool extremes_wait = false;  // until all of the first values are counted

  void ObserveBlock(std::span<const float> values, FloatScatter* scatter) {
    Sifted sifted;
    Sift(values, &sifted);
    if (sifted.most_magnitude >= kInfinityBits) return ObserveFinite(values, scatter);
    zeros += values.size() - sifted.num_nonzero;
    if (!extremes_wait) {
      if (largest.Wants(sifted.most)) largest.Add(values);
      if (smallest.Wants(sifted.least)) smallest.Add(values);
    }
    std::span<const uint32_t> nonzero(sifted.nonzero, sifted.num_nonzero);
    if (distinct) {
      nonzero = nonzero.subspan(distinct->Add(nonzero));
      if (!nonzero.empty()) Spill();
    }
    scatter->Add(nonzero, sifted);
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

  // Of values that are counted already, which tells what the extremes can be.
  void AddFirstExtremes(std::span<const float> values) {
    uint64_t count[2] = {};
    const auto count_all = [&](bool negative, FloatBuckets::Bounds, FloatBuckets::Count some) {
      count[negative] += some.count;
    };
    buckets.ForEach(count_all);
    // Of each sign the largest magnitude that enough values reach; 0: there is none.
    uint32_t bound[2] = {};
    const auto find_bounds = [&](bool negative, FloatBuckets::Bounds bounds,
                                 FloatBuckets::Count some) {
      if (count[negative] >= kExtremes) bound[negative] = bounds.first;
      count[negative] -= some.count;
    };
    buckets.ForEach(find_bounds);
    if (bound[0] > 0) largest.WantFrom(std::bit_cast<float>(bound[0]));
    if (bound[1] > 0) smallest.WantFrom(-std::bit_cast<float>(bound[1]));
    extremes_wait = false;
    largest.Add(values);
    smallest.Add(values);
  }

  // Before the first values of many, which are rarely few different ones.
  void SpillIfMore(std::span<const float> values) {
    constexpr size_t kEnough = 8192;  // values to tell by
    std::vector<uint32_t> nonzero;
    Sifted sifted;
    for (size_t begin = 0; begin < values.size() && nonzero.size() < kEnough;
         begin += Sifted::kBlock) {
      Sift(values.subspan(begin, std::min<size_t>(Sifted::kBlock, values.size() - begin)), &sifted);
      if (sifted.most_magnitude >= kInfinityBits) return;
      nonzero.insert(nonzero.end(), sifted.nonzero, sifted.nonzero + sifted.num_nonzero);
    }
    if (distinct && distinct->AreMore(nonzero)) Spill();
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
