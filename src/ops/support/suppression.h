#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace adze {

// Which of overlapping boxes remain (Non-Maximum Suppression; soft: Bodla et al., 2017).
struct SuppressionOptions {
  int64_t most = 0;             // boxes to keep at most
  float overlap_threshold = 0;  // intersection over union from which on the lower score goes
  float score_threshold = 0;    // a box needs a higher score than this
  float soft_sigma = 0;         // above 0: scores fall by exp(-overlap^2 / (2 sigma)) instead
};
struct KeptBox {
  int64_t index = 0;
  float score = 0;
};

// Boxes to keep, highest score first, of equal ones the first. `boxes`: [N, 4] as y1, x1, y2, x2,
// either corner first; a box starts every `stride` floats. `scores`: N of them, `score_stride`
// floats apart.
std::vector<KeptBox> SuppressOverlaps(const float* boxes, int64_t stride, const float* scores,
                                      int64_t score_stride, int64_t count,
                                      const SuppressionOptions& options);

}  // namespace adze
