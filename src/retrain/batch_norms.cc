#include "retrain/batch_norms.h"

#include <cmath>

namespace adze {
namespace {

constexpr int kGamma = 1, kBeta = 2, kMean = 3, kVariance = 4;

bool IsBatchNorm(const Node& node) {
  const std::string& op = node.op();
  return op == "FusedBatchNorm" || op == "FusedBatchNormV2" || op == "FusedBatchNormV3";
}

bool ReadsConstants(const Node& node) {
  for (int input : {kGamma, kBeta, kMean, kVariance}) {
    if (!node.input(input).node->IsConst()) return false;
  }
  return true;
}

// The only reader of the node's first output; null if there are more, or it is an output.
const Node* OnlyReader(const Graph& graph, const Node& node) {
  const Node* reader = nullptr;
  int reads = 0;
  for (const Node* other : graph.nodes()) {
    for (const Value input : other->inputs()) {
      if (input.node != &node) continue;
      reader = other;
      ++reads;
    }
  }
  return reads == 1 ? reader : nullptr;
}

}  // namespace

BatchNorms::BatchNorms(Graph* graph) {
  for (Node* node : graph->TopologicalOrder()) {
    if (!IsBatchNorm(*node) || !ReadsConstants(*node)) continue;
    bool hands_on = false;
    for (int i = 1; i < 6; ++i) hands_on |= graph->CountUses(node->output(i)) > 0;
    if (!hands_on) nodes_.push_back(node);
  }
}

std::vector<Value> BatchNorms::statistics() const {
  std::vector<Value> values;
  for (Node* node : nodes_) {
    values.push_back(node->output(1));
    values.push_back(node->output(2));
  }
  return values;
}

std::vector<const Node*> BatchNorms::learned() const {
  std::vector<const Node*> constants;
  for (const Node* node : nodes_) {
    for (int input : {kGamma, kBeta}) constants.push_back(node->input(input).node);
  }
  return constants;
}

std::vector<const Node*> BatchNorms::estimated() const {
  std::vector<const Node*> constants;
  for (const Node* node : nodes_) {
    for (int input : {kMean, kVariance}) constants.push_back(node->input(input).node);
  }
  return constants;
}

void BatchNorms::SetLearning(bool learning) {
  learning_ = learning;
  for (Node* node : nodes_) node->SetAttr("is_training", learning);
}

std::map<std::string, std::vector<float>> BatchNormGains(const Graph& graph,
                                                         const std::vector<PlannedLayer>& plan) {
  std::map<std::string, std::vector<float>> gains;
  for (const PlannedLayer& layer : plan) {
    const Node* node = graph.Find(layer.node->name());
    if (!node) continue;
    const Node* reader = OnlyReader(graph, *node);
    if (reader && reader->op() == "BiasAdd") reader = OnlyReader(graph, *reader);
    if (!reader || !IsBatchNorm(*reader) || !ReadsConstants(*reader)) continue;
    const auto gamma = reader->input(kGamma).node->const_value();
    const auto variance = reader->input(kVariance).node->const_value();
    const double epsilon = reader->attr<float>("epsilon", 1e-4f);
    std::vector<float>& values = gains[layer.node->name()];
    for (int64_t c = 0; c < gamma.num_elements(); ++c) {
      values.push_back(static_cast<float>(gamma.data<float>()[c] /
                                          std::sqrt(variance.data<float>()[c] + epsilon)));
    }
  }
  return gains;
}

}  // namespace adze
