#include "quant/float_buckets.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace adze {
namespace {

constexpr size_t kTableBytes =
    sizeof(uint64_t) * FloatBuckets::kPages * static_cast<size_t>(FloatBuckets::kPageSize);

// A pending word is the sum over its values of (one + their bits). With key << kShift their common
// top bits, the sum is count * (one + (key << kShift)) + low_sum, and low_sum is smaller than that
// factor, so that one division tells count and low_sum apart. Adding the whole bits spares the
// inner loop a mask.
constexpr uint64_t kOne = uint64_t{1} << 40;

FloatBuckets::Count Split(uint64_t word, uint32_t key) {
  const uint64_t factor = kOne + (static_cast<uint64_t>(key) << FloatBuckets::kShift);
  return {word / factor, word % factor};
}

}  // namespace

// Zero pages of the system: what no value reaches takes no memory. A page of buckets is a page of
// memory. Huge pages would undo that.
FloatBuckets::FloatBuckets() {
  void* table = mmap(nullptr, kTableBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (table == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_NOHUGEPAGE
  madvise(table, kTableBytes, MADV_NOHUGEPAGE);
#endif
  pending_.reset(static_cast<uint64_t*>(table));
}

void FloatBuckets::Unmap::operator()(uint64_t* table) const { munmap(table, kTableBytes); }

void FloatBuckets::Add(std::span<const uint32_t> bits) {
  while (!bits.empty()) {
    if (num_pending_ == kMostPending) Flush();
    const auto chunk = bits.first(std::min<uint64_t>(bits.size(), kMostPending - num_pending_));
    uint64_t* const pending = pending_.get();
    uint32_t least = least_, most = most_;
    for (uint32_t b : chunk) {
      least = std::min(least, b & 0x7fffffffu);
      most = std::max(most, b & 0x7fffffffu);
    }
    least_ = least;
    most_ = most;
    for (uint32_t b : chunk) pending[b >> kShift] += kOne + b;
    num_pending_ += chunk.size();
    bits = bits.subspan(chunk.size());
  }
}

void FloatBuckets::Add(uint32_t bits, uint64_t count) {
  Add(bits >> kShift, Count{count, count * (bits & ((1u << kShift) - 1))});
}

void FloatBuckets::Add(uint32_t key, Count count) {
  Count& bucket = MutablePage(key / kPageSize)[key % kPageSize];
  bucket.count += count.count;
  bucket.low_sum += count.low_sum;
}

FloatBuckets::Page& FloatBuckets::MutablePage(int page) {
  if (!pages_[page]) pages_[page] = std::make_unique<Page>();
  return *pages_[page];
}

FloatBuckets::Count FloatBuckets::operator[](uint32_t key) const {
  Count result;
  const int page = key / kPageSize;
  if (pages_[page]) result = (*pages_[page])[key % kPageSize];
  if (IsPending(page)) {
    const Count pending = Split(pending_[key], key);
    result.count += pending.count;
    result.low_sum += pending.low_sum;
  }
  return result;
}

void FloatBuckets::Merge(const FloatBuckets& other) {
  for (int page = 0; page < kPages; ++page) {
    if (!other.HasPage(page)) continue;
    for (uint32_t key = page * kPageSize; key < (page + 1u) * kPageSize; ++key) {
      const Count count = other[key];
      if (count.count > 0) Add(key, count);
    }
  }
}

void FloatBuckets::Flush() {
  for (int page = 0; page < kPages; ++page) {
    if (!IsPending(page)) continue;
    for (uint32_t key = page * kPageSize; key < (page + 1u) * kPageSize; ++key) {
      if (pending_[key] == 0) continue;
      Add(key, Split(pending_[key], key));
      pending_[key] = 0;
    }
  }
  num_pending_ = 0;
  least_ = UINT32_MAX;
  most_ = 0;
}

}  // namespace adze
