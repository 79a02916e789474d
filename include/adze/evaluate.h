#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "adze/dataset.h"
#include "adze/graph.h"

namespace adze {

struct EvaluateOptions {
  int64_t batch_size = 8;
  int label_offset = 0;                                 // class index = label + offset
  int num_threads = 0;                                  // 0: all cores
  std::function<void(int64_t, int64_t)> progress = {};  // samples done, samples in all
};

struct Evaluation {
  int64_t images = 0;
  std::optional<double> top1 = {}, top5 = {};  // fractions; absent without labels
  double ms_per_image = 0;                     // of the network alone
  // With a reference model: same class (fraction), and the signal to quantization noise ratio of
  // the logits in decibels.
  std::optional<double> agreement = {}, sqnr_db = {};
};

// The first output of `graph` holds class scores: [N, classes], or more axes of which all but the
// first and the last are 1. kUnsupported otherwise. Works on float, fake-quant and quantized
// graphs.
Evaluation Evaluate(const Graph& graph, const Dataset& data, const EvaluateOptions& options,
                    const Graph* reference = nullptr);

// The value before the final Softmax (through Reshape, Squeeze and Identity); the output itself if
// there is no Softmax.
Value FindLogits(const Graph& graph);

}  // namespace adze
