#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "adze/float_histogram.h"

namespace adze {

// The buckets of a FloatHistogram. A bucket's key is the top bits of the float; a page holds the
// buckets of one sign and exponent.
class FloatBuckets {
 public:
  static constexpr int kShift = 23 - FloatHistogram::kMantissaBits;
  static constexpr int kPageSize = 1 << FloatHistogram::kMantissaBits;
  static constexpr int kPages = 512;

  struct Count {
    uint64_t count = 0;
    uint64_t low_sum = 0;  // of the mantissa bits below the key
  };

  FloatBuckets();

  // Adds float32 bit patterns.
  void Add(std::span<const uint32_t> bits);
  void Add(uint32_t bits, uint64_t count);
  void Add(uint32_t key, Count count);
  void Merge(const FloatBuckets& other);
  Count operator[](uint32_t key) const;
  // Whether page `page` may hold something.
  bool HasPage(int page) const { return pages_[page] != nullptr || IsPending(page); }

 private:
  // Elements that a pending sum can take, see Add.
  static constexpr uint64_t kMostPending = uint64_t{1} << 23;
  using Page = std::array<Count, kPageSize>;
  struct Unmap {
    void operator()(uint64_t* table) const;
  };

  bool IsPending(int page) const {
    const uint32_t exponent = page & 255;
    return num_pending_ > 0 && exponent >= least_ >> 23 && exponent <= most_ >> 23;
  }
  Page& MutablePage(int page);
  void Flush();

  std::unique_ptr<uint64_t[], Unmap> pending_;  // one word a key
  uint64_t num_pending_ = 0;
  uint32_t least_ = UINT32_MAX, most_ = 0;  // absolute bits of what is pending
  std::array<std::unique_ptr<Page>, kPages> pages_;
};

}  // namespace adze
