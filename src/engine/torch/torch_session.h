#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/torch/torch_op.h"

namespace adze {

// Changes what nodes read while a TorchSession runs: fake-quantization goes in here.
class TorchHook {
 public:
  virtual ~TorchHook() = default;
  // Before a run.
  virtual void Begin() {}
  // What input `input` of the node reads instead of `value`; `source` is what it is.
  virtual at::Tensor OnInput(const Node& node, int input, Value source,
                             const at::Tensor& value) = 0;
  // Whether OnInput is to be called.
  virtual bool Wants(const Node& node, int input) const = 0;
};

struct TorchSessionOptions {
  at::Device device = at::kCPU;
  TorchHook* hook = nullptr;  // may be null; must outlive the session
  // With whom batch norms in training share what they normalize by: mean and variance are those of
  // the whole batch. May be null; must outlive the session and what it returned.
  BatchSharers* sharers = nullptr;
  // Convolutions and matrix products in bfloat16, forward and backward; all else in float32.
  bool mixed_precision = false;
};

// Runs a graph on LibTorch so that gradients flow from its outputs to the variables and feeds.
// Values have TensorFlow's shapes (NHWC, HWIO) throughout; convolutions see them as channels-last
// images without a copy. The graph must outlive the session and not change.
class TorchSession {
 public:
  // kUnsupported lists every op of the outputs' nodes that can neither be differentiated nor run.
  // `fetches` are what Run returns; empty: graph.outputs().
  explicit TorchSession(const Graph& graph, std::vector<Value> fetches = {},
                        TorchSessionOptions options = {});
  ~TorchSession();
  TorchSession(TorchSession&&) noexcept;

  // Whether the session reads this Const node.
  bool Reads(const Node& constant) const;
  // Makes the Const node a variable: a float32 leaf of its value that requires a gradient, whose
  // memory is laid out as convolutions want it. Later calls give the same one.
  at::Tensor Variable(const Node& constant);

  // `feeds` by placeholder node name. Gradients are recorded if GradMode is enabled.
  std::vector<at::Tensor> Run(const std::map<std::string, at::Tensor>& feeds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adze
