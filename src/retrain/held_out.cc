#include "retrain/held_out.h"

#include <algorithm>

namespace adze {

SampleSplit SplitSamples(int64_t samples, int64_t every, int64_t batch_size) {
  constexpr int64_t kMost = 256;
  int64_t held_out = every > 0 ? std::min(samples / every, kMost) : 0;
  if (held_out > batch_size) held_out -= held_out % batch_size;
  if (samples - held_out < batch_size) held_out = 0;
  SampleSplit split;
  const int64_t stride = held_out > 0 ? samples / held_out : samples + 1;
  for (int64_t i = 0; i < samples; ++i) {
    const bool is_held_out =
        (i + 1) % stride == 0 && static_cast<int64_t>(split.held_out.size()) < held_out;
    (is_held_out ? split.held_out : split.learned).push_back(i);
  }
  return split;
}

BestSoFar::BestSoFar(const std::vector<TrainedVariable>& variables) : variables_(variables) {
  for (const TrainedVariable& variable : variables) {
    values_.push_back(variable.value.detach().clone());
  }
}

void BestSoFar::Offer(double loss) {
  if (!(loss < loss_)) return;
  loss_ = loss;
  for (size_t i = 0; i < values_.size(); ++i) values_[i].copy_(variables_[i].value.detach());
}

void BestSoFar::Restore() const {
  const at::NoGradGuard constant;
  for (size_t i = 0; i < values_.size(); ++i) {
    at::Tensor value = variables_[i].value;
    value.copy_(values_[i]);
  }
}

}  // namespace adze
