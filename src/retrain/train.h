#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "adze/calibrate.h"
#include "adze/retrain.h"
#include "retrain/batches.h"
#include "retrain/workers.h"

namespace adze {

struct TrainInput {
  // Float, prepared; with batch norms where they are to be trained.
  const Graph& student;
  const std::vector<PlannedLayer>& plan;  // layers that the student has by name
  const Graph& initial;                   // the same graph; where weights and biases start
  const Record& calibrated;               // where ranges start
  const Dataset& data;
  const Graph& teacher;  // whose outputs are learned; reads the same inputs
  // Where the teacher is learned from: what did best on these samples is the result. May be null.
  const Dataset* held_out = nullptr;
};

struct TrainSettings {
  const TrainingOptions& options;
  int64_t steps = 0;
  std::filesystem::path checkpoint;  // prefix
  std::function<void(int64_t, int64_t, double)> progress = {};
  Workers* workers = nullptr;  // those that train together; null: alone
};

struct TrainedModel {
  Graph graph;                // the student with the learned weights, batch norm folded
  Record record;              // learned factors
  std::vector<float> losses;  // of each step
  int64_t resumed_at = 0;     // steps that an earlier run had done
  // Of the held out samples, at the start and where it was least.
  std::optional<double> held_out_first = {}, held_out_best = {};
};

// Learns weights, biases and the ranges of activations. kInvalidArgument names step and layer where
// the loss is not finite; kCancelled after Ctrl-C and kNotFound where another worker is lost, with
// a checkpoint to go on from. The first worker alone writes and reads checkpoints.
TrainedModel Train(const TrainInput& input, const TrainSettings& settings);

// The learning rate of step `step` (from 0) of `steps`.
double LearningRateAt(const TrainingOptions& options, int64_t step, int64_t steps);

}  // namespace adze
