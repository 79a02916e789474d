#include <algorithm>

#include "adze/error.h"
#include "adze/op.h"

namespace adze {
namespace {

// Values up to this size are computed while shapes are inferred, so that shape arithmetic
// (Shape, StridedSlice, Pack, Prod, ...) is followed through.
constexpr int64_t kMostElements = 4096;

// What one node may produce while it is evaluated alone. A few bytes of a hostile file (Fill, Tile)
// can ask for any amount; nothing honest that is folded or tested comes near this.
constexpr int64_t kMostBytes = int64_t{1} << 30;

bool IsSmallKnown(const std::vector<TensorSpec>& specs) {
  return std::all_of(specs.begin(), specs.end(), [](const TensorSpec& spec) {
    return spec.shape.IsFullyKnown() && spec.shape.num_elements() <= kMostElements;
  });
}

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
  int64_t bytes = 0;
  for (const TensorSpec& spec : def->infer({node, specs, constants})) {
    if (def->sizes_outputs && (!spec.shape.IsFullyKnown() || SizeOf(spec.dtype) == 0)) {
      outputs.emplace_back();
      continue;
    }
    Require(spec.shape.IsFullyKnown(), ErrorCode::kUnsupported, "the output shape of ", node.op(),
            " depends on its data");
    const size_t size = spec.dtype == DType::kString ? sizeof(std::string) : SizeOf(spec.dtype);
    bytes += spec.shape.num_elements() * static_cast<int64_t>(size);
    Require(bytes <= kMostBytes, ErrorCode::kBadFile, node.op(), " output of shape ",
            spec.shape.ToString(), " is too large to evaluate (limit ", kMostBytes, " bytes)");
    outputs.emplace_back(spec.dtype, spec.shape);
  }
  def->evaluate(node, inputs, outputs);
  for (const Tensor& output : outputs) Check(bool(output), "an output that was not evaluated");
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

const Tensor* ShapeMap::operand(const Node& node, int i) const {
  auto it = operands_.find(&node);
  return it != operands_.end() && it->second.first == i ? &it->second.second : nullptr;
}

class ShapeInference {
 public:
  // `declared`: shapes without feeds, to tell what changed; may be null.
  ShapeInference(const std::map<std::string, Shape>& feeds, const ShapeMap* declared)
      : feeds_(feeds), declared_(declared) {}

  ShapeMap Run(std::span<Node* const> nodes) {
    for (Node* node : nodes) {
      if (!node->def()) continue;
      ErrorScope scope("node", node->name());
      if (node->IsConst()) {
        const Tensor& value = node->attr<Tensor>("value");
        map_.specs_[node] = {{value.dtype(), value.shape()}};
        map_.constants_[node] = {value};
      } else {
        Infer(*node);
      }
    }
    return std::move(map_);
  }

 private:
  void Infer(Node& node) {
    std::vector<TensorSpec> inputs;
    std::vector<const Tensor*> constants;
    for (Value input : node.inputs()) {
      inputs.push_back(map_[input]);
      constants.push_back(map_.constant(input));
    }
    FollowBatch(node, inputs, constants);
    const OpDef* def = node.def();
    std::vector<TensorSpec> specs = def->infer({node, inputs, constants});
    auto feed = feeds_.find(node.name());
    if (feed != feeds_.end()) specs.at(0).shape = feed->second;
    const bool known =
        !inputs.empty() && feed == feeds_.end() && !def->has_side_effect && def->evaluate &&
        std::all_of(constants.begin(), constants.end(), [](const Tensor* t) { return t; });
    // Shape only looks at its input's shape.
    if (node.op() == "Shape" && inputs[0].shape.IsFullyKnown()) {
      const auto& dims = inputs[0].shape.dims();
      map_.constants_[&node] = {Cast(Tensor::Vector(dims), specs[0].dtype)};
    } else if (known && !specs.empty() && IsSmallKnown(specs)) {
      std::vector<Tensor> values;
      for (const Tensor* constant : constants) values.push_back(*constant);
      map_.constants_[&node] = EvaluateNode(node, values);
    }
    map_.specs_[&node] = std::move(specs);
  }

  // Replaces the leading entry of a constant shape operand that was the batch size.
  void FollowBatch(const Node& node, std::span<const TensorSpec> inputs,
                   std::vector<const Tensor*>& constants) {
    auto it = std::find_if(std::begin(kShapeOperands), std::end(kShapeOperands),
                           [&](const ShapeOperand& op) { return op.op == node.op(); });
    if (it == std::end(kShapeOperands) || node.num_inputs() <= std::max(it->operand, it->data)) {
      return;
    }
    const Shape& data = inputs[it->data].shape;
    const Tensor* operand = constants[it->operand];
    if (!declared_ || !operand || operand->num_elements() == 0 || data.rank() == 0) return;
    // An operand that was computed from shapes has followed already.
    if (!node.input(it->operand).node->IsConst()) return;
    const Shape& before = (*declared_)[node.input(it->data)].shape;
    std::vector<int64_t> dims = ToInt64s(*operand);
    if (before.rank() == 0 || before[0] == data[0] || data[0] < 0) return;
    // A batch size that was not written down where the data enters but is 1 here.
    const int64_t old_batch = before[0] < 0 ? 1 : before[0];
    if (dims[0] != old_batch || (before[0] < 0 && !Misfits(dims, data))) return;
    dims[0] = data[0];
    auto& slot =
        map_.operands_[&node] = {it->operand, Cast(Tensor::Vector(dims), operand->dtype())};
    constants[it->operand] = &slot.second;
  }

  static bool Misfits(const std::vector<int64_t>& dims, const Shape& data) {
    int64_t product = 1;
    for (int64_t dim : dims) product *= dim;
    return product > 0 && data.IsFullyKnown() && product != data.num_elements();
  }

  // Ops whose operand is a shape that leads with the batch size of `data`.
  struct ShapeOperand {
    std::string_view op;
    int operand;
    int data;
  };
  static constexpr ShapeOperand kShapeOperands[] = {
      {"Reshape", 1, 0}, {"Conv2DBackpropInput", 0, 2}, {"Slice", 2, 0}};

  const std::map<std::string, Shape>& feeds_;
  const ShapeMap* declared_;
  ShapeMap map_;
};

ShapeMap InferShapes(std::span<Node* const> nodes, const std::map<std::string, Shape>& feeds) {
  ShapeMap declared = ShapeInference({}, nullptr).Run(nodes);
  const bool changed = std::any_of(nodes.begin(), nodes.end(), [&](Node* node) {
    auto feed = feeds.find(node->name());
    return feed != feeds.end() && declared[node->output()].shape != feed->second;
  });
  if (!changed) return declared;
  return ShapeInference(feeds, &declared).Run(nodes);
}

ShapeMap InferShapes(const Graph& graph, const std::map<std::string, Shape>& feeds) {
  return InferShapes(graph.TopologicalOrder(), feeds);
}

}  // namespace adze
