#include "engine/huge_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "adze/error.h"

namespace adze {

namespace {

constexpr size_t kPage = size_t{2} << 20, kVector = 64;

// Pages of their own, which go back to the system when they are freed: malloc would keep them for
// whichever thread asked for them.
char* MapPages(size_t bytes) {
  const size_t room = bytes + kPage;
  void* const mapped = room < bytes ? MAP_FAILED
                                    : mmap(nullptr, room, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapped);
  const size_t before = (kPage - reinterpret_cast<uintptr_t>(begin) % kPage) % kPage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kPage - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);  // a wish only
  return begin + before;
}

}  // namespace

HugeMemory::HugeMemory(size_t bytes, const char* purpose) {
  const size_t unit = bytes < kPage ? kVector : kPage;
  size_ = (bytes + unit - 1) / unit * unit;
  memory_ = size_ < kPage ? static_cast<char*>(std::aligned_alloc(unit, size_)) : MapPages(size_);
  if (!memory_) size_ = 0;
  Require(memory_ || bytes == 0, ErrorCode::kInvalidArgument, "not enough memory: ", bytes,
          " bytes are needed ", purpose);
}

HugeMemory::~HugeMemory() {
  if (size_ < kPage) {
    std::free(memory_);
  } else {
    munmap(memory_, size_);
  }
}

HugeMemory::HugeMemory(HugeMemory&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)) {}

HugeMemory& HugeMemory::operator=(HugeMemory&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace adze
