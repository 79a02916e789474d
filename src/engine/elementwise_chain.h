#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include "engine/elementwise_loops.h"
#include "engine/flow.h"
#include "engine/kernel.h"

namespace adze {

// Elementwise float32 ops, each the only reader of the one before, that one pass over memory
// computes. Operands are constants (one element, or one per channel) or tensors of the same shape.
class ElementwiseChain {
 public:
  explicit ElementwiseChain(const Flow& flow) : flow_(flow) {}

  // Adds a node, which reads the last one's result; false if it does not fit.
  bool Append(Node& node);

  const std::vector<Node*>& nodes() const { return nodes_; }
  // What the kernel reads: the first node's data, then tensor operands.
  const std::vector<Value>& inputs() const { return inputs_; }
  std::unique_ptr<Kernel> Compile() const;

  struct Op {
    ElementwiseOp op;
    float scalar = 0;
    Tensor channels = {};  // an operand per channel
    int input = -1;        // an operand of the same shape: index in inputs
  };

 private:
  bool AppendBatchNorm(Node& node);
  bool AppendOp(Node& node);

  const Flow& flow_;
  std::vector<Node*> nodes_;
  std::vector<Value> inputs_;
  std::vector<Op> ops_;
};

}  // namespace adze
