#include "quant/float_scatter.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "adze/error.h"

namespace adze {
namespace {

using Buckets = FloatBuckets;

constexpr size_t kWords = size_t{1} << (32 - Buckets::kFineShift);
constexpr size_t kOctave = size_t{1} << Buckets::kFineBits;

// 2 MB of zeros, of which only the pages are in memory that values go to: 32 KB for the eight
// octaves of a sign that hold most of them.
uint64_t* TableOfThread() {
  struct Free {
    void operator()(uint64_t* words) const { std::free(words); }
  };
  thread_local const std::unique_ptr<uint64_t, Free> table(
      static_cast<uint64_t*>(std::calloc(kWords, sizeof(uint64_t))));
  Require(table != nullptr, ErrorCode::kInvalidArgument,
          "not enough memory: 2 MB are needed to count values");
  return table.get();
}

}  // namespace

FloatScatter::FloatScatter(FloatBuckets* buckets) : buckets_(buckets), table_(TableOfThread()) {}

void FloatScatter::Add(std::span<const uint32_t> bits, const Sifted& block) {
  if (bits.empty()) return;
  if (num_values_ + bits.size() > Buckets::kMostPacked) Flush();
  num_values_ += bits.size();
  least_ = std::min(least_, block.least_magnitude);
  most_ = std::max(most_, block.most_magnitude);
  any_negative_ |= block.least < 0;
  uint64_t* const table = table_;
  const uint32_t* const in = bits.data();
  const size_t count = bits.size();
  constexpr size_t kUnroll = 8;
  size_t i = 0;
  for (; i + kUnroll <= count; i += kUnroll) {
    for (size_t j = 0; j < kUnroll; ++j) {
      table[in[i + j] >> Buckets::kFineShift] += Buckets::Packed(in[i + j]);
    }
  }
  for (; i < count; ++i) table[in[i] >> Buckets::kFineShift] += Buckets::Packed(in[i]);
}

void FloatScatter::Flush() {
  if (num_values_ == 0) return;
  const auto first = static_cast<int>(least_ >> 23), last = static_cast<int>(most_ >> 23);
  buckets_->Raise(last);
  buckets_->Reserve(num_values_);
  for (const bool negative : {false, true}) {
    if (negative && !any_negative_) continue;
    uint64_t* const table = table_ + (negative ? kWords / 2 : 0);
    for (int exponent = first; exponent <= last; ++exponent) {
      buckets_->TakePacked(negative, exponent,
                           std::span<uint64_t, kOctave>(table + exponent * kOctave, kOctave));
    }
  }
  num_values_ = 0;
  least_ = UINT32_MAX;
  most_ = 0;
  any_negative_ = false;
}

}  // namespace adze
