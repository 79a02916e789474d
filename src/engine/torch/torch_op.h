#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adze/op.h"
#include "engine/torch/batch_sharers.h"

namespace adze {

// A value while the graph runs: on either side, converted when the other one is asked for. What
// shapes are made of stays on the plain side.
class TorchValue {
 public:
  TorchValue() = default;
  explicit TorchValue(at::Tensor tensor) : torch_(std::move(tensor)) {}
  explicit TorchValue(Tensor tensor) : plain_(std::move(tensor)) {}

  explicit operator bool() const { return torch_.defined() || plain_; }
  bool requires_grad() const { return torch_.defined() && torch_.requires_grad(); }
  // Shares the elements where they are on the CPU.
  const at::Tensor& torch(at::Device device) const;
  const Tensor& plain() const;  // kUnsupported for an element type that only Torch has

 private:
  mutable at::Tensor torch_;
  mutable Tensor plain_;
};

// Elements shared where they can be: on the CPU, contiguous.
at::Tensor ToTorch(const Tensor& tensor);
Tensor FromTorch(const at::Tensor& tensor);
Shape ShapeOf(const at::Tensor& tensor);

// What the implementation of an op may look at.
struct TorchCall {
  Node& node;
  std::span<const TorchValue> inputs;
  const ShapeMap& shapes;
  at::Device device;
  BatchSharers* sharers = nullptr;  // who has the other parts of the batch; null: nobody
  // What convolutions and matrix products round their operands and results to; all else is computed
  // in float32.
  at::ScalarType product_type = at::kFloat;

  int num_inputs() const { return static_cast<int>(inputs.size()); }
  const at::Tensor& input(int i) const { return value(i).torch(device); }
  // The elements of an operand of integers.
  std::vector<int64_t> ints(int i) const { return ToInt64s(value(i).plain()); }
  int64_t integer(int i) const;
  // kUnsupported if it depends on data.
  const std::vector<int64_t>& output_shape(int i = 0) const;

 private:
  const TorchValue& value(int i) const {
    Require(i < num_inputs(), ErrorCode::kBadFile, node.op(), " has ", inputs.size(),
            " inputs, but needs input ", i);
    return inputs[i];
  }
};

// Computes a node's outputs from differentiable functions of ATen, on tensors of TensorFlow's
// shapes.
using TorchFunction = std::function<std::vector<at::Tensor>(const TorchCall&)>;

// Ops that can be differentiated; src/engine/torch/ops holds one family a file. An op that is not
// here runs its `evaluate`, as long as nothing asks for a gradient through it.
class TorchOpRegistry {
 public:
  void Add(std::string name, TorchFunction function) {
    Check(functions_.emplace(std::move(name), std::move(function)).second, "op registered twice");
  }
  // An op of one output.
  template <typename F>
  void AddOne(std::string name, F function) {
    Add(std::move(name),
        [function](const TorchCall& call) -> std::vector<at::Tensor> { return {function(call)}; });
  }
  const TorchFunction* Find(std::string_view op) const {
    auto it = functions_.find(op);
    return it == functions_.end() ? nullptr : &it->second;
  }
  const std::map<std::string, TorchFunction, std::less<>>& all() const { return functions_; }

 private:
  std::map<std::string, TorchFunction, std::less<>> functions_;
};

}  // namespace adze
