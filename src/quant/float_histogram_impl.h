#pragma once

#include <bit>
#include <optional>
#include <span>

#include "adze/float_histogram.h"
#include "quant/distinct_values.h"
#include "quant/extremes.h"
#include "quant/float_buckets.h"
#include "quant/sift.h"

namespace adze {

struct FloatHistogram::Impl {
  uint64_t zeros = 0;      // and what is as good as 0
  uint64_t nonfinite = 0;  // while values are distinct; buckets count them otherwise
  std::optional<DistinctValues> distinct{kDistinct};  // absent: in the buckets
  FloatBuckets buckets;
  Extremes largest{kExtremes}, largest_negated{kExtremes};

  void ObserveBlock(std::span<const float> values) {
    Sifted sifted;
    Sift(values, -largest_negated.threshold(), largest.threshold(), &sifted);
    zeros += values.size() - sifted.num_nonzero;
    std::span<const uint32_t> nonzero(sifted.nonzero, sifted.num_nonzero);
    if (distinct) nonzero = nonzero.subspan(AddDistinct(nonzero));
    buckets.Add(nonzero);
    largest.Add({sifted.above, static_cast<size_t>(sifted.num_above)});
    for (float& value : std::span<float>(sifted.below, sifted.num_below)) value = -value;
    largest_negated.Add({sifted.below, static_cast<size_t>(sifted.num_below)});
  }

  // How many it took until there were too many different ones.
  size_t AddDistinct(std::span<const uint32_t> bits) {
    for (size_t i = 0; i < bits.size(); ++i) {
      if ((bits[i] & 0x7f800000u) == 0x7f800000u) {
        ++nonfinite;
      } else if (!distinct->Add(std::bit_cast<float>(bits[i]), 1)) {
        Spill();
        return i;
      }
    }
    return bits.size();
  }

  void Spill() {
    for (const auto& [value, count] : distinct->Sorted()) {
      buckets.Add(std::bit_cast<uint32_t>(value), count);
    }
    distinct.reset();
  }

  void MergeDistinct(const DistinctValues& other) {
    for (const auto& [value, count] : other.Sorted()) {
      if (distinct && !distinct->Add(value, count)) Spill();
      if (!distinct) buckets.Add(std::bit_cast<uint32_t>(value), count);
    }
  }

  // Calls body(key, count) for every bucket of the wanted exponents that is not empty.
  template <typename Body>
  void ForEachBucket(bool finite, const Body& body) const {
    for (int page = 0; page < FloatBuckets::kPages; ++page) {
      if (!buckets.HasPage(page) || ((page & 255) != 255) != finite) continue;
      const uint32_t first = page * FloatBuckets::kPageSize;
      for (uint32_t key = first; key < first + FloatBuckets::kPageSize; ++key) {
        const FloatBuckets::Count count = buckets[key];
        if (count.count > 0) body(key, count);
      }
    }
  }
};

}  // namespace adze
