#pragma once

#include "quant/squared_error.h"

namespace adze {

// Keeps of the candidates that it is given the one with the least squared error, in which the error
// of clipped values counts `clip_weight` times (at least 1); the first of several.
class LeastError {
 public:
  LeastError(const SquaredError& error, QuantParams first, double clip_weight = 1);

  void Try(const QuantParams& params);
  const QuantParams& best() const { return best_; }
  double least() const { return least_; }

 private:
  const SquaredError& error_;
  double clip_weight_;
  QuantParams best_;
  double least_;
};

}  // namespace adze
