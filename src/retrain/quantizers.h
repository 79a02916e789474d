#pragma once

#include <map>
#include <string>
#include <vector>

#include "adze/calibrate.h"
#include "adze/record.h"
#include "engine/torch/torch_session.h"

namespace adze {

// The learned range of a tensor that one or more layers read.
struct ActivationQuantizer {
  Value value;
  int num_bits = 8;
  bool fixed_min = false;             // clip_min stays 0: nothing below it was seen
  at::Tensor clip_min, clip_max;      // one element each, variables
  double last_min = 0, last_max = 0;  // the last ones that were sound
  std::vector<const PlannedLayer*> layers;
  std::string name;  // of the first layer
};

// Puts ULQ on what planned layers read and ARQ on their weights. Layers that read one tensor with
// equal settings share a quantizer, and what it computes in a run.
class Quantizers : public TorchHook {
 public:
  // Ranges start where `calibrated` has them. The plan must outlive this.
  Quantizers(const std::vector<PlannedLayer>& plan, const Record& calibrated, at::Device device);

  void Begin() override;
  bool Wants(const Node& node, int input) const override;
  at::Tensor OnInput(const Node& node, int input, Value source, const at::Tensor& value) override;

  std::vector<ActivationQuantizer>& activations() { return activations_; }
  const std::vector<ActivationQuantizer>& activations() const { return activations_; }
  // From now on remembers the first layer that reads what is not finite.
  void WatchForNotFinite() { watching_ = true; }
  const std::string& first_not_finite() const { return first_not_finite_; }
  // Puts what the optimizer made of the ranges right, as the reference does before each forward: an
  // end that has crossed 0 or met the other goes back to its last place.
  void Restore();
  // Factors of every planned layer: learned ones of activations, ARQ of the graph's weights.
  Record MakeRecord(const Graph& graph, const Record& calibrated) const;

 private:
  struct Weight {
    std::vector<int> channel_axes;
    int num_bits = 8;
  };
  std::vector<ActivationQuantizer> activations_;
  std::map<std::pair<const Node*, int>, size_t> data_inputs_;
  std::map<std::pair<const Node*, int>, Weight> weight_inputs_;
  std::vector<at::Tensor> made_;  // in this run, per quantizer
  bool watching_ = false;
  std::string first_not_finite_;
};

}  // namespace adze
