#pragma once

#include <cstdint>

namespace adze {

// 8-bit pixels of 1 or 3 channels, rows `stride` bytes apart; a part of an image is one too.
struct ImageView {
  const uint8_t* pixels = nullptr;
  int64_t height = 0, width = 0, channels = 0, stride = 0;
};

// As the public function of this name, into `out`, which has height * width * channels bytes.
void ResizeBilinear(const ImageView& in, int64_t height, int64_t width, uint8_t* out);

}  // namespace adze
