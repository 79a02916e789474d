#include "engine/huge_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

#include "adze/error.h"

namespace adze {

HugeMemory::HugeMemory(size_t bytes, const char* purpose) {
  constexpr size_t kPage = size_t{2} << 20, kVector = 64;
  const size_t unit = bytes < kPage ? kVector : kPage;
  size_ = (bytes + unit - 1) / unit * unit;
  memory_ = static_cast<char*>(std::aligned_alloc(unit, size_));
  if (!memory_) size_ = 0;
  Require(memory_ || bytes == 0, ErrorCode::kInvalidArgument, "not enough memory: ", bytes,
          " bytes are needed ", purpose);
  if (unit == kPage) madvise(memory_, size_, MADV_HUGEPAGE);  // a wish only
}

HugeMemory::~HugeMemory() { std::free(memory_); }

HugeMemory::HugeMemory(HugeMemory&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)) {}

HugeMemory& HugeMemory::operator=(HugeMemory&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace adze
