#include "engine/epilogue.h"

#include <algorithm>
#include <optional>

namespace adze {
namespace {

using Kind = EpilogueOp::Kind;

bool IsActivation(const Node& node) {
  static constexpr std::string_view kOps[] = {"Relu", "Relu6", "Elu", "LeakyRelu", "Sigmoid"};
  return std::find(std::begin(kOps), std::end(kOps), node.op()) != std::end(kOps);
}

bool IsAdd(const Node& node) {
  return node.op() == "Add" || node.op() == "AddV2" || node.op() == "BiasAdd";
}

}  // namespace

std::vector<EpilogueNode> FindEpilogue(const Flow& flow, Node& anchor,
                                       const std::unordered_set<const Node*>& taken) {
  std::vector<EpilogueNode> tail;
  bool has_residual = false;
  Value value = anchor.output();
  const Shape shape = flow.spec(value).shape;
  for (Node* node; (node = flow.OnlyReader(value)) && !taken.count(node); value = node->output()) {
    if (flow.spec(node->output()) != flow.spec(value)) break;
    if (IsActivation(*node)) {
      tail.push_back({node, {.kind = Kind::kActivation, .activation = node}});
      continue;
    }
    if (!IsAdd(*node) || node->attr<std::string>("data_format", "NHWC") != "NHWC") break;
    const int other = node->input(0) == value ? 1 : 0;
    const Tensor* addend = flow.constant_input(*node, other);
    if (addend) {
      if (!tail.empty() || !IsPerChannel(*addend, shape)) break;
      tail.push_back({node, {.kind = Kind::kBias, .bias = addend}});
    } else {
      if (has_residual || flow.spec(node->input(other)) != flow.spec(value)) break;
      has_residual = true;
      tail.push_back({node, {.kind = Kind::kResidual}, node->input(other)});
    }
  }
  return tail;
}

}  // namespace adze
