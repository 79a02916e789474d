#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adze/calibrate.h"
#include "adze/record.h"
#include "engine/torch/torch_session.h"
#include "retrain/method.h"

namespace adze {

// Where quantizers start and what they are put on.
struct QuantizedLayers {
  const std::vector<PlannedLayer>& plan;
  const Record& calibrated;  // ranges of activations
  const Graph& student;      // the graph that is trained; has the planned layers by name
  const Graph& initial;      // has the weights' constants by name, with what training starts from
};

// Puts learned fake-quantization (src/retrain/methods) on what planned layers read and on their
// weights. Layers that read one tensor with equal settings share a quantizer, and what it computes
// in a run.
class Quantizers : public TorchHook {
 public:
  // The plan and the student must outlive this. kInvalidArgument names the layer whose method there
  // is not.
  Quantizers(const QuantizedLayers& layers, at::Device device);

  void Begin() override;
  bool Wants(const Node& node, int input) const override;
  at::Tensor OnInput(const Node& node, int input, Value source, const at::Tensor& value) override;

  // What is learned, with names of the form layer/ULQ_8/clip_max.
  std::vector<LearnedFactor> factors() const;
  // Puts what the optimizer made of the factors right, as the reference does before each forward.
  void Restore();
  // The factors, which others have set, are sound.
  void Remember();

  // From now on remembers the first layer that reads what is not finite.
  void WatchForNotFinite() { watching_ = true; }
  const std::string& first_not_finite() const { return first_not_finite_; }
  // Learned factors of every planned layer. `graph` has the layers with their final weights;
  // `channel_gains` by layer: what folding a batch norm has multiplied each channel of the weight
  // with, so that learned scales go with it.
  Record MakeRecord(const Graph& graph, const Record& calibrated,
                    const std::map<std::string, std::vector<float>>& channel_gains = {}) const;

 private:
  struct Activation {
    Value value;
    LayerConfig config;
    std::unique_ptr<ActivationQuantizer> quantizer;
    std::vector<const PlannedLayer*> layers;
  };
  struct Weight {
    const PlannedLayer* layer;
    std::unique_ptr<WeightQuantizer> quantizer;
  };
  void AddActivation(const PlannedLayer& layer, const Node& node, const QuantParams& calibrated,
                     at::Device device);
  void AddWeight(const PlannedLayer& layer, const Node& node, const Graph& initial,
                 at::Device device);

  std::vector<Activation> activations_;
  std::vector<Weight> weights_;
  std::map<std::pair<const Node*, int>, size_t> data_inputs_, weight_inputs_;
  std::vector<at::Tensor> made_;  // in this run, per activation
  bool watching_ = false;
  std::string first_not_finite_;
};

}  // namespace adze
