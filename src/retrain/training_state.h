#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "retrain/held_out.h"
#include "retrain/optimizer.h"
#include "retrain/quantizers.h"

namespace adze {

// What a run needs to go on to the same bits.
struct TrainingState {
  std::vector<TrainedVariable>& variables;
  Quantizers& quantizers;
  BestSoFar* best = nullptr;  // may be null
  int64_t step = 0;           // steps done
  std::vector<float> losses = {};
};

// `settings`: a line that a resumed run must have too.
void SaveState(const TrainingState& state, const std::string& settings,
               const std::filesystem::path& prefix);
// kNotFound if there is no checkpoint; kInvalidArgument if it is of other settings.
void LoadState(const std::filesystem::path& prefix, const std::string& settings,
               TrainingState* state);

}  // namespace adze
