#include "fuzz/heap_peak.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>

namespace adze {
namespace {

std::atomic<size_t> in_use{0}, peak{0};

}  // namespace

size_t ResetHeapPeak() {
  peak = in_use.load();
  return in_use;
}

size_t HeapPeak() { return peak; }

}  // namespace adze

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ADZE_OTHER_ALLOCATOR
#endif
#endif
#if !defined(ADZE_OTHER_ALLOCATOR) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)

// glibc's own, under which the functions of the program's name are replaced below.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* memory);
}

namespace adze {
namespace {

void* Count(void* memory) {
  if (!memory) return memory;
  const size_t now = in_use += malloc_usable_size(memory);
  if (now > peak) peak = now;
  return memory;
}

void Discount(void* memory) {
  if (memory) in_use -= malloc_usable_size(memory);
}

}  // namespace
}  // namespace adze

extern "C" {
void* malloc(size_t size) { return adze::Count(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) { return adze::Count(__libc_calloc(count, size)); }
void* aligned_alloc(size_t alignment, size_t size) {
  return adze::Count(__libc_memalign(alignment, size));
}
void* memalign(size_t alignment, size_t size) {
  return adze::Count(__libc_memalign(alignment, size));
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  *memory = adze::Count(__libc_memalign(alignment, size));
  return *memory ? 0 : 12;  // ENOMEM
}
void* realloc(void* old, size_t size) {
  const size_t before = old ? malloc_usable_size(old) : 0;
  void* memory = __libc_realloc(old, size);
  if (memory || size == 0) adze::in_use -= before;
  return adze::Count(memory);
}
void free(void* memory) {
  adze::Discount(memory);
  __libc_free(memory);
}
}

#endif
