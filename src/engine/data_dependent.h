#pragma once

#include <span>
#include <vector>

#include "adze/session.h"
#include "engine/flow.h"
#include "engine/kernel.h"

namespace adze {

// The part of a flow whose shapes depend on fed elements (what NonMaxSuppression or Where make, and
// all that reads it). It cannot be compiled beforehand and is run node by node behind the rest.
class DataDependentPart {
 public:
  // `flow` is of all nodes; the graph and `prepared` must outlive this.
  DataDependentPart(const Flow& flow, std::span<const Value> fetches, PreparedConstants& prepared);

  bool empty() const { return nodes_.empty(); }
  // What the rest has to compute: fetches of its own and what this part reads.
  const std::vector<Value>& inputs() const { return inputs_; }
  // The fetches, given the values of inputs(). The probe, which may be null, sees what it wants.
  std::vector<Tensor> Run(std::span<const Tensor> given, Probe* probe) const;

 private:
  struct Step {
    Node* node;
    std::vector<Tensor> constants;  // per input; no tensor where it is computed
  };
  std::vector<Tensor> RunStep(const Step& step, std::span<const Tensor> inputs) const;

  PreparedConstants& prepared_;
  std::vector<Value> fetches_, inputs_;
  std::vector<Step> steps_;
  std::unordered_set<const Node*> nodes_;
};

}  // namespace adze
