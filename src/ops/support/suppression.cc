#include "ops/support/suppression.h"

#include <algorithm>
#include <cmath>
#include <queue>

namespace adze {
namespace {

float Area(const float* box) {
  return (std::max(box[0], box[2]) - std::min(box[0], box[2])) *
         (std::max(box[1], box[3]) - std::min(box[1], box[3]));
}

// Intersection over union; 0 where a box is empty.
float Overlap(const float* a, const float* b) {
  const float area_a = Area(a), area_b = Area(b);
  if (!(area_a > 0) || !(area_b > 0)) return 0;
  float common = 1;
  for (int axis = 0; axis < 2; ++axis) {
    const float low = std::max(std::min(a[axis], a[axis + 2]), std::min(b[axis], b[axis + 2]));
    const float high = std::min(std::max(a[axis], a[axis + 2]), std::max(b[axis], b[axis + 2]));
    common *= std::max(high - low, 0.0f);
  }
  return common / (area_a + area_b - common);
}

struct Candidate {
  int64_t index;
  float score;
  size_t seen;  // kept boxes that have lowered the score already
  bool operator<(const Candidate& other) const {
    return score < other.score || (score == other.score && index > other.index);
  }
};

}  // namespace

std::vector<KeptBox> SuppressOverlaps(const float* boxes, int64_t stride, const float* scores,
                                      int64_t score_stride, int64_t count,
                                      const SuppressionOptions& options) {
  std::priority_queue<Candidate> queue;
  for (int64_t i = 0; i < count; ++i) {
    const float score = scores[i * score_stride];
    if (score > options.score_threshold) queue.push({i, score, 0});
  }
  const bool soft = options.soft_sigma > 0;
  std::vector<KeptBox> kept;
  while (static_cast<int64_t>(kept.size()) < options.most && !queue.empty()) {
    Candidate next = queue.top();
    queue.pop();
    const float before = next.score;
    bool suppressed = false;
    for (size_t k = kept.size(); k-- > next.seen && !suppressed;) {
      const float overlap = Overlap(boxes + next.index * stride, boxes + kept[k].index * stride);
      if (soft) next.score *= std::exp(-0.5f / options.soft_sigma * overlap * overlap);
      suppressed =
          soft ? next.score <= options.score_threshold : overlap >= options.overlap_threshold;
    }
    next.seen = kept.size();
    if (suppressed) continue;
    if (next.score == before) {
      kept.push_back({next.index, next.score});
    } else {
      queue.push(next);
    }
  }
  return kept;
}

}  // namespace adze
