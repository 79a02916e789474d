#include <algorithm>

#include "adze/error.h"
#include "adze/op.h"

namespace adze {
namespace {

// Values up to this size are computed while shapes are inferred, so that shape arithmetic
// (Shape, StridedSlice, Pack, Prod, ...) is followed through.
constexpr int64_t kMostElements = 4096;

bool IsSmallKnown(const std::vector<TensorSpec>& specs) {
  return std::all_of(specs.begin(), specs.end(), [](const TensorSpec& spec) {
    return spec.shape.IsFullyKnown() && spec.shape.num_elements() <= kMostElements;
  });
}

bool IsShapeType(DType dtype) { return dtype == DType::kInt32 || dtype == DType::kInt64; }

}  // namespace

std::vector<Tensor> EvaluateNode(const Node& node, std::span<const Tensor> inputs) {
  ErrorScope scope("node", node.name());
  const OpDef* def = node.def();
  Require(def && def->evaluate, ErrorCode::kUnsupported, "op ", node.op(), " cannot be evaluated");
  std::vector<TensorSpec> specs;
  std::vector<const Tensor*> constants;
  for (const Tensor& input : inputs) {
    specs.push_back({input.dtype(), input.shape()});
    constants.push_back(&input);
  }
  std::vector<Tensor> outputs;
  for (const TensorSpec& spec : def->infer({node, specs, constants})) {
    Require(spec.shape.IsFullyKnown(), ErrorCode::kUnsupported, "the output shape of ", node.op(),
            " depends on its data");
    outputs.emplace_back(spec.dtype, spec.shape);
  }
  def->evaluate(node, inputs, outputs);
  return outputs;
}

const TensorSpec& ShapeMap::operator[](Value value) const {
  static const TensorSpec kUnknown;
  auto it = specs_.find(value.node);
  if (it == specs_.end() || value.index >= static_cast<int>(it->second.size())) return kUnknown;
  return it->second[value.index];
}

const Tensor* ShapeMap::constant(Value value) const {
  auto it = constants_.find(value.node);
  if (it == constants_.end() || value.index >= static_cast<int>(it->second.size())) return nullptr;
  const Tensor& tensor = it->second[value.index];
  return tensor ? &tensor : nullptr;
}

ShapeMap InferShapes(const Graph& graph, const std::map<std::string, Shape>& feeds) {
  ShapeMap map;
  std::vector<TensorSpec> inputs;
  std::vector<const Tensor*> constants;
  for (Node* node : graph.TopologicalOrder()) {
    const OpDef* def = node->def();
    if (!def) continue;
    ErrorScope scope("node", node->name());
    if (node->IsConst()) {
      const Tensor& value = node->attr<Tensor>("value");
      map.specs_[node] = {{value.dtype(), value.shape()}};
      map.constants_[node] = {value};
      continue;
    }
    inputs.clear();
    constants.clear();
    for (Value input : node->inputs()) {
      inputs.push_back(map[input]);
      constants.push_back(map.constant(input));
    }
    std::vector<TensorSpec> specs = def->infer({*node, inputs, constants});
    if (auto feed = feeds.find(node->name()); feed != feeds.end()) specs.at(0).shape = feed->second;
    const bool known =
        !inputs.empty() && !def->has_side_effect && def->evaluate &&
        std::all_of(constants.begin(), constants.end(), [](const Tensor* t) { return t; });
    // Shape only looks at its input's shape.
    const bool shape_known = node->op() == "Shape" && inputs[0].shape.IsFullyKnown();
    if (shape_known) {
      const auto& dims = inputs[0].shape.dims();
      map.constants_[node] = {Cast(Tensor::Vector(dims), specs[0].dtype)};
    } else if (known && !specs.empty() && IsSmallKnown(specs) && IsShapeType(specs[0].dtype)) {
      std::vector<Tensor> values;
      for (const Tensor* constant : constants) values.push_back(*constant);
      map.constants_[node] = EvaluateNode(*node, values);
    }
    map.specs_[node] = std::move(specs);
  }
  return map;
}

}  // namespace adze
