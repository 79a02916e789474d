#pragma once

#include <map>
#include <string>
#include <vector>

#include "adze/calibrate.h"
#include "adze/graph.h"
#include "engine/torch/torch_session.h"

namespace adze {

// The batch norms of a graph that is trained with them: FusedBatchNorm of any version that reads
// constants and hands on nothing but what it normalized. While they learn they normalize with what
// the batch itself has; then their statistics are estimated with the weights as they are, and
// frozen.
class BatchNorms {
 public:
  // Finds them; the graph must outlive this.
  explicit BatchNorms(Graph* graph);
  bool empty() const { return nodes_.empty(); }
  // Means and variances of the batch, two for each: what a session has to fetch for Estimate.
  std::vector<Value> statistics() const;
  // Constants that are learned: gamma and beta of each.
  std::vector<const Node*> learned() const;
  // Constants that hold mean and variance of each, in the order of statistics().
  std::vector<const Node*> estimated() const;
  // Whether they normalize with what the batch has.
  void SetLearning(bool learning);
  bool learning() const { return learning_; }

 private:
  bool learning_ = false;
  std::vector<Node*> nodes_;
};

// gamma / sqrt(variance + epsilon) of the batch norm that reads a planned layer (behind its BiasAdd
// or not), by layer.
std::map<std::string, std::vector<float>> BatchNormGains(const Graph& graph,
                                                         const std::vector<PlannedLayer>& plan);

}  // namespace adze
