#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adze/dataset.h"
#include "adze/integer.h"

namespace adze {

struct VerifyOptions {
  int64_t batch_size = 1;
  int num_threads = 0;  // 0: all cores
  // Tensors ("conv1/Relu", "split:1") whose values in the first batch are wanted.
  std::vector<std::string> kept = {};
  std::function<void(int64_t, int64_t)> progress = {};  // samples done, samples in all
};

// A value of the integer engine beside the simulation's, both made from the same integers.
struct ValueCheck {
  std::string name;      // of the AscendQuant, or of an output of the graph
  std::string layer;     // the quantized layer that made it; "" if none did (a quantized input)
  bool is_real = false;  // an output in float32, compared bit by bit
  int64_t values = 0, differing = 0;
  int64_t most_steps = 0;  // largest difference of integers
  struct Difference {
    int64_t sample = 0;
    std::vector<int64_t> index;  // within the batch's tensor
    double integer = 0, simulated = 0;
  };
  std::optional<Difference> first = {};
};

struct Verification {
  std::vector<LoweredLayer> layers;
  std::vector<ValueCheck> checks;
  int64_t samples = 0;
  // End to end, each engine on its own: same class of the first output, if that holds class scores.
  std::optional<double> agreement = {};
  // By name. int8 of an AscendQuant and an AscendWeightQuant, int32 of a layer's sum (and its
  // BiasAdd), else the type that the graph gives. What exists within the integer engine only as a
  // step of a node is the simulation's, made from the integers that the engine had.
  std::map<std::string, Tensor> kept = {};

  // Of the integers; outputs in float32 are left out.
  int64_t values() const;
  int64_t differing() const;
  int64_t most_steps() const;
  // Nothing differs but exact rounding ties of the simulation can: fewer than 1 of 100,000
  // integers, by one step.
  bool passes() const;
};

// Runs what a deployable graph was lowered to, and then its simulation in float32 layer by layer:
// each layer is fed the integers that the integer engine fed it. kNotFound if `kept` names no
// tensor of the graph.
Verification Verify(const Graph& quantized, const IntegerGraph& lowered, const Dataset& data,
                    const VerifyOptions& options);

}  // namespace adze
