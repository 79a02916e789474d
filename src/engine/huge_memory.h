#pragma once

#include <cstddef>

namespace adze {

// Uninitialized memory, aligned for any vector; in huge pages where it fills one and the system has
// them.
class HugeMemory {
 public:
  HugeMemory() = default;
  // kInvalidArgument if there is not that much; `purpose` says in the message what it is for.
  HugeMemory(size_t bytes, const char* purpose);
  ~HugeMemory();
  HugeMemory(HugeMemory&& other) noexcept;
  HugeMemory& operator=(HugeMemory&& other) noexcept;

  char* bytes() const { return memory_; }
  float* floats() const { return reinterpret_cast<float*>(memory_); }
  size_t size() const { return size_; }

 private:
  char* memory_ = nullptr;
  size_t size_ = 0;
};

}  // namespace adze
