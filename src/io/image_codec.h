#pragma once

#include <cstdint>
#include <string_view>

#include "adze/tensor.h"

namespace adze {

// What a decoder may take for a file of `bytes` bytes. Generous for photographs (which compress
// 10:1) and small pictures of any kind, but a small file cannot ask for all memory.
inline uint64_t ImageMemoryBudget(size_t bytes) { return (uint64_t{48} << 20) + 64 * bytes; }

// Throws kBadFile for an empty image or one that needs more than the budget.
void CheckImageSize(uint64_t height, uint64_t width, uint64_t bytes_per_pixel, size_t file_bytes);

bool IsJpeg(std::string_view bytes);
bool IsPng(std::string_view bytes);

// uint8 [height, width, 3].
Tensor DecodeJpeg(std::string_view bytes);
Tensor DecodePng(std::string_view bytes);

}  // namespace adze
