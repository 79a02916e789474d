// Tensors that are quantized although no layer reads them:
//
//   r ----------------------+        r -> AscendQuant -> AscendAntiQuant ----------------------+
//   x -> Conv2D -> BiasAdd -> Add    x -> Conv2D -> ... -> AscendQuant -> AscendAntiQuant -> Add
#include "calibrate/plan_tensors.h"

#include <algorithm>

#include "adze/error.h"
#include "adze/near_names.h"
#include "adze/op.h"

namespace adze {
namespace {

bool IsAddition(const Node& node) { return node.op() == "Add" || node.op() == "AddV2"; }

class TensorPlanner {
 public:
  TensorPlanner(const Graph& prepared, const std::vector<PlannedLayer>& layers)
      : prepared_(prepared), layers_(layers), shapes_(InferShapes(prepared)) {}

  // The config's own.
  void Add(const TensorConfig& config) {
    ErrorScope scope("tensor", ToString(TensorKey{config.node, config.input}));
    Node* node = prepared_.Find(config.node);
    if (!node) {
      std::vector<std::string> names;
      for (const Node* other : prepared_.nodes()) {
        if (IsAddition(*other) || other->op() == "MaxPool") names.push_back(other->name());
      }
      throw Error(ErrorCode::kNotFound, "tensor_quantize: there is no node '" + config.node + "'" +
                                            DidYouMean(config.node, names));
    }
    Require(IsAddition(*node) || node->op() == "MaxPool", ErrorCode::kUnsupported,
            "tensor_quantize: the node is a ", node->op(),
            "; inputs of Add, AddV2 and MaxPool can be quantized");
    Require(config.input < node->num_inputs(), ErrorCode::kInvalidArgument,
            "tensor_quantize: the node has ", node->num_inputs(), " inputs");
    const Value value = node->input(config.input);
    Require(!value.node->IsConst() && shapes_[value].dtype == DType::kFloat,
            ErrorCode::kInvalidArgument, "tensor_quantize: it is constant or not float32");
    Add(*node, config.input, config.activation);
  }

  // joint_quant: the addends of skip paths.
  void AddSkipPaths() {
    for (Node* node : prepared_.TopologicalOrder()) {
      if (!IsAddition(*node) || !IsOfOneShape(*node)) continue;
      const PlannedLayer* behind[] = {LayerBehind(node->input(0)), LayerBehind(node->input(1))};
      if (!behind[0] && !behind[1]) continue;
      for (int input : {0, 1}) {
        // As a layer that reads the same value, so that both share what quantizes it.
        const PlannedLayer* like = LayerReading(ObservedFor(node->input(input)));
        if (!like) like = behind[behind[input] ? input : 1 - input];
        Add(*node, input, like->config.activation);
      }
    }
  }

  std::vector<PlannedLayer> Take() { return std::move(tensors_); }

 private:
  void Add(Node& node, int input, const ActivationConfig& activation) {
    const bool is_known = std::any_of(tensors_.begin(), tensors_.end(), [&](const auto& other) {
      return other.node == &node && other.tensor == input;
    });
    if (is_known) return;
    PlannedLayer tensor{.node = &node, .config = {.activation = activation}};
    tensor.tensor = input;
    tensor.observed = ObservedFor(node.input(input));
    tensors_.push_back(std::move(tensor));
  }

  // Nothing is broadcast, nothing constant. The batch alone may be open.
  bool IsOfOneShape(const Node& add) const {
    const Value a = add.input(0), b = add.input(1);
    const TensorSpec &one = shapes_[a], &other = shapes_[b];
    if (a.node->IsConst() || b.node->IsConst() || one.dtype != DType::kFloat) return false;
    if (!one.shape.known_rank() || one.shape.rank() < 2 || one.shape != other.shape) return false;
    const auto& dims = one.shape.dims();
    return std::find(dims.begin() + 1, dims.end(), Shape::kUnknown) == dims.end();
  }

  // The quantized layer that makes the value; null if none does.
  const PlannedLayer* LayerBehind(Value value) const {
    const Node* node = value.node;
    while (node->op() == "BiasAdd" || node->op() == "Relu" || node->op() == "Relu6" ||
           node->op() == "Identity") {
      node = node->input(0).node;
    }
    return FindLayer([&](const PlannedLayer& layer) { return layer.node == node; });
  }

  const PlannedLayer* LayerReading(Value value) const {
    return FindLayer(
        [&](const PlannedLayer& layer) { return layer.node->input(layer.data_input()) == value; });
  }

  template <typename Is>
  const PlannedLayer* FindLayer(Is is) const {
    const auto found = std::find_if(layers_.begin(), layers_.end(), [&](const auto& layer) {
      return layer.skip_reason.empty() && is(layer);
    });
    return found == layers_.end() ? nullptr : &*found;
  }

  // MaxPool takes some of the values that a layer reads: what quantizes those will do for these
  // too, and then the pool works on integers (reference, amct-interfaces section 13, item 10).
  Value ObservedFor(Value value) const {
    const Node& pool = *value.node;
    const bool shares =
        pool.op() == "MaxPool" && !LayerReading(value) && LayerReading(pool.input(0));
    return shares ? pool.input(0) : value;
  }

  const Graph& prepared_;
  const std::vector<PlannedLayer>& layers_;
  const ShapeMap shapes_;
  std::vector<PlannedLayer> tensors_;
};

}  // namespace

std::vector<PlannedLayer> PlanTensors(const Graph& prepared, const Config& config,
                                      const std::vector<PlannedLayer>& layers) {
  if (!config.joint_quant && config.tensors.empty()) return {};
  TensorPlanner planner(prepared, layers);
  for (const TensorConfig& tensor : config.tensors) planner.Add(tensor);
  if (config.joint_quant) planner.AddSkipPaths();
  return planner.Take();
}

}  // namespace adze
