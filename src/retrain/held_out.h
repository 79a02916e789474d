#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "retrain/optimizer.h"

namespace adze {

// Which samples are learned from, and which show how well that goes.
struct SampleSplit {
  std::vector<int64_t> learned, held_out;
};
// Holds out one of `every` samples, spread over all of them, at most 256 and in whole batches
// if there is more than one; none where the rest would not fill a batch. every = 0: none.
SampleSplit SplitSamples(int64_t samples, int64_t every, int64_t batch_size);

// Values of all variables at the time when a loss was least.
class BestSoFar {
 public:
  explicit BestSoFar(const std::vector<TrainedVariable>& variables);
  // Keeps what the variables have now if the loss is less than before.
  void Offer(double loss);
  // The variables get the best values back.
  void Restore() const;

  // What a checkpoint holds: Offer's least loss, and the values, one for each variable.
  double loss() const { return loss_; }
  std::vector<at::Tensor>& values() { return values_; }
  void set_loss(double loss) { loss_ = loss; }

 private:
  const std::vector<TrainedVariable>& variables_;
  std::vector<at::Tensor> values_;
  double loss_ = std::numeric_limits<double>::infinity();
};

}  // namespace adze
