#include "quant/calibrators/support/least_error.h"

#include <utility>

namespace adze {

LeastError::LeastError(const SquaredError& error, QuantParams first, double clip_weight)
    : error_(error),
      clip_weight_(clip_weight),
      best_(std::move(first)),
      least_(error.Of(best_) + (clip_weight - 1) * error.OfClipped(best_)) {}

void LeastError::Try(const QuantParams& params) {
  const double clipped = error_.OfClipped(params);
  // Rounding only adds to that: most candidates need not be looked at more closely.
  if (clip_weight_ * clipped >= least_) return;
  const double loss = error_.Of(params) + (clip_weight_ - 1) * clipped;
  if (loss >= least_) return;
  least_ = loss;
  best_ = params;
}

}  // namespace adze
