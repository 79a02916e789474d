#include "engine/independent_rows.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace adze {
namespace {

// Elementwise, with broadcasting between operands.
constexpr std::array<std::string_view, 31> kElementwise = {"Abs",
                                                           "Add",
                                                           "AddV2",
                                                           "AscendAntiQuant",
                                                           "AscendQuant",
                                                           "Cast",
                                                           "Ceil",
                                                           "Elu",
                                                           "Erf",
                                                           "Exp",
                                                           "Floor",
                                                           "LeakyRelu",
                                                           "Maximum",
                                                           "Minimum",
                                                           "Mul",
                                                           "Neg",
                                                           "Pow",
                                                           "RealDiv",
                                                           "Relu",
                                                           "Relu6",
                                                           "Round",
                                                           "Rsqrt",
                                                           "Selu",
                                                           "Sigmoid",
                                                           "Sqrt",
                                                           "Square",
                                                           "Softplus",
                                                           "Softsign",
                                                           "Sub",
                                                           "Tanh",
                                                           "SquaredDifference"};

// Input 0 holds the rows, the others are constant; nothing moves between rows.
constexpr std::array<std::string_view, 20> kPerRow = {"AscendDequant",
                                                      "AvgPool",
                                                      "BiasAdd",
                                                      "Conv2D",
                                                      "DepthToSpace",
                                                      "DepthwiseConv2dNative",
                                                      "FakeQuantWithMinMaxArgs",
                                                      "FakeQuantWithMinMaxVars",
                                                      "FakeQuantWithMinMaxVarsPerChannel",
                                                      "FusedBatchNorm",
                                                      "FusedBatchNormV2",
                                                      "FusedBatchNormV3",
                                                      "LRN",
                                                      "LogSoftmax",
                                                      "MatMul",
                                                      "MaxPool",
                                                      "ResizeBilinear",
                                                      "ResizeNearestNeighbor",
                                                      "Softmax",
                                                      "SpaceToDepth"};

template <size_t N>
bool Contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Values whose row i comes from row i of the feeds.
class RowTracker {
 public:
  explicit RowTracker(const Flow& flow) : flow_(flow) {}

  bool HasRows(Value value) const { return rows_.count(value) || flow_.is_fed(value.node); }
  // False if the node mixes rows, or might.
  bool Pass(Node& node) {
    if (!KeepsRows(node)) return false;
    for (int i = 0; flow_.has_output(node.output(i)); ++i) rows_.insert(node.output(i));
    return true;
  }

 private:
  Shape shape(Value value) const { return flow_.spec(value).shape; }
  int64_t BatchOf(Value value) const { return shape(value).rank() > 0 ? shape(value)[0] : -1; }
  bool AllConstantBut(const Node& node, int data) const {
    for (int i = 0; i < node.num_inputs(); ++i) {
      if (i != data && !flow_.constant_input(node, i)) return false;
    }
    return HasRows(node.input(data));
  }
  // The integers of a constant operand; none if it is not constant.
  std::vector<int64_t> Operand(const Node& node, int i) const {
    const Tensor* value = flow_.constant_input(node, i);
    return value ? ToInt64s(*value) : std::vector<int64_t>();
  }

  bool KeepsRows(Node& node) const {
    const std::string& op = node.op();
    if (IsAlias(node)) {
      return HasRows(node.input(0)) && BatchOf(node.output()) == BatchOf(node.input(0));
    }
    if (Contains(kElementwise, op)) return KeepsRowsElementwise(node);
    if (op == "Conv2DBackpropInput") return AllConstantBut(node, 2);
    if (op == "ConcatV2") return KeepsRowsConcat(node);
    if (!AllConstantBut(node, 0)) return false;
    const int rank = shape(node.input(0)).rank();
    if (op == "Softmax" || op == "LogSoftmax") return rank >= 2;
    if (op == "MatMul") return !node.attr<bool>("transpose_a", false);
    if (op.starts_with("FusedBatchNorm")) return !node.attr<bool>("is_training", true);
    if (Contains(kPerRow, op)) return true;
    const std::vector<int64_t> operand =
        node.num_inputs() > 1 ? Operand(node, 1) : std::vector<int64_t>();
    if (op == "Mean" || op == "Sum" || op == "Max" || op == "Min" || op == "Prod") {
      return std::none_of(operand.begin(), operand.end(),
                          [&](int64_t axis) { return NormalizeAxis(axis, rank) == 0; });
    }
    if (op == "Pad" || op == "PadV2" || op == "MirrorPad") {
      return operand.size() >= 2 && operand[0] == 0 && operand[1] == 0;
    }
    if (op == "Transpose") return !operand.empty() && operand[0] == 0;
    return false;
  }

  bool KeepsRowsElementwise(Node& node) const {
    const int rank = shape(node.output()).rank();
    for (int i = 0; i < node.num_inputs(); ++i) {
      const Shape& in = shape(node.input(i));
      if (HasRows(node.input(i))) {
        if (in.rank() != rank) return false;  // its rows would meet another axis
      } else if (!flow_.constant_input(node, i) || (in.rank() == rank && in[0] != 1)) {
        return false;
      }
    }
    return true;
  }

  bool KeepsRowsConcat(Node& node) const {
    const int axis_input = node.num_inputs() - 1;
    const std::vector<int64_t> axis = Operand(node, axis_input);
    const int rank = shape(node.output()).rank();
    if (axis.size() != 1 || NormalizeAxis(axis[0], rank) == 0) return false;
    for (int i = 0; i < axis_input; ++i) {
      if (!HasRows(node.input(i))) return false;
    }
    return true;
  }

  const Flow& flow_;
  ValueSet rows_;
};

}  // namespace

bool RowsAreIndependent(const Flow& flow, std::span<const Value> fetches) {
  RowTracker tracker(flow);
  for (Node* node : flow.order()) {
    if (!tracker.Pass(*node)) return false;
  }
  return std::all_of(fetches.begin(), fetches.end(),
                     [&](Value fetch) { return tracker.HasRows(fetch); });
}

}  // namespace adze
