#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "adze/op.h"
#include "adze/pass.h"
#include "passes/support/linear_layer.h"

namespace adze {
namespace {

constexpr std::array<int, 4> kToLast = {0, 2, 3, 1}, kToFirst = {0, 3, 1, 2};

template <typename Axes>
Tensor AxesTensor(const Axes& axes) {
  return Tensor::Vector<int32_t>(std::vector<int32_t>(axes.begin(), axes.end()));
}

// Walks the graph once, inputs before readers, and keeps a note of the values whose axes it has
// turned from NCHW to NHWC. A reader of such a value is turned too if it can be; else it reads the
// value through a Transpose.
class Converter {
 public:
  explicit Converter(Graph& graph) : graph_(graph), shapes_(InferShapes(graph)) {}

  bool Run() {
    for (Node* node : graph_.TopologicalOrder()) {
      if (IsImageOp(*node) ? !TurnImageOp(*node) : !Follow(*node)) ReadAsBefore(*node);
    }
    std::vector<GraphOutput> outputs = graph_.outputs();
    for (GraphOutput& output : outputs) {
      if (IsTurned(output.value)) output.value = ChannelsFirst(output.value);
    }
    graph_.SetOutputs(outputs);
    for (Node* node : needless_) {
      graph_.ReplaceUses(node->output(), node->input(0));
      if (graph_.ControlUsers(*node).empty()) graph_.Erase(*node);
    }
    return !turned_.empty();
  }

 private:
  using Key = std::pair<const Node*, int>;

  bool IsTurned(Value value) const { return turned_.contains({value.node, value.index}); }
  int RankOf(Value value) const {
    const Shape& shape = shapes_[value].shape;
    return shape.known_rank() ? shape.rank() : -1;
  }
  bool IsImageOp(Node& node) const { return IsChannelsFirst(node) && RankOf(node.output()) == 4; }

  void MarkTurned(Node& node) {
    for (int i = 0; shapes_[node.output(i)].dtype != DType::kInvalid; ++i) {
      if (RankOf(node.output(i)) == 4) turned_.insert({&node, i});
    }
  }

  Value AddTranspose(Value value, DType dtype, const std::array<int, 4>& axes, const char* suffix) {
    const std::string name = graph_.UniqueName(value.node->name() + suffix);
    Node& perm = graph_.AddConst(name + "/perm", AxesTensor(axes));
    return graph_
        .Add(name, "Transpose", {value, perm.output()}, {{"T", dtype}, {"Tperm", DType::kInt32}})
        .output();
  }
  Value Turn(Value value, const std::array<int, 4>& axes, const char* suffix,
             std::map<Key, Value>& known) {
    const auto [found, is_new] = known.try_emplace({value.node, value.index});
    if (is_new) found->second = AddTranspose(value, shapes_[value].dtype, axes, suffix);
    return found->second;
  }
  Value ChannelsFirst(Value turned) {
    return Turn(turned, kToFirst, "/channels_first", channels_first_);
  }
  Value ChannelsLast(Value value) {
    if (IsTurned(value)) return value;
    Node& node = *value.node;
    if (node.op() == "Transpose" && node.input(1).node->IsConst() && !IsTurned(node.input(0))) {
      const std::vector<int64_t> perm = ToInt64s(node.input(1).node->const_value());
      if (std::equal(perm.begin(), perm.end(), kToFirst.begin(), kToFirst.end())) {
        return node.input(0);
      }
    }
    return Turn(value, kToLast, "/channels_last", channels_last_);
  }

  void ReadAsBefore(Node& node) {
    for (int i = 0; i < node.num_inputs(); ++i) {
      if (IsTurned(node.input(i))) graph_.SetInput(node, i, ChannelsFirst(node.input(i)));
    }
  }

  // An op with a data_format.
  bool TurnImageOp(Node& node) {
    if (!node.def()) return false;
    const auto permute = node.def()->permute_axes;
    if (permute && !permute(graph_, node, kToLast)) return false;
    for (const char* name : {"strides", "ksize", "dilations"}) {
      const auto* list = node.FindAttr<std::vector<int64_t>>(name);
      if (!list || list->size() != 4) continue;
      std::vector<int64_t> turned;
      for (int axis : kToLast) turned.push_back((*list)[axis]);
      node.SetAttr(name, turned);
    }
    const auto* paddings = node.FindAttr<std::vector<int64_t>>("explicit_paddings");
    if (paddings && paddings->size() == 8) {
      std::vector<int64_t> turned;
      for (int axis : kToLast) {
        turned.push_back((*paddings)[2 * axis]);
        turned.push_back((*paddings)[2 * axis + 1]);
      }
      node.SetAttr("explicit_paddings", turned);
    }
    node.SetAttr("data_format", std::string("NHWC"));
    const int data = node.def()->quant ? node.def()->quant->data_input : 0;
    graph_.SetInput(node, data, ChannelsLast(node.input(data)));
    MarkTurned(node);
    return true;
  }

  // Any other op. True if nothing is left to do for its inputs.
  bool Follow(Node& node) {
    const std::span<const Value> inputs = node.inputs();
    if (std::none_of(inputs.begin(), inputs.end(), [&](Value v) { return IsTurned(v); })) {
      return true;
    }
    if (!node.def()) return false;
    if (node.op() == "Transpose") return FollowTranspose(node);
    if (node.def()->is_elementwise) return FollowElementwise(node);
    if (!node.def()->permute_axes || !node.def()->permute_axes(graph_, node, kToLast)) return false;
    for (int i = 0; i < node.num_inputs(); ++i) {
      if (RankOf(node.input(i)) == 4) graph_.SetInput(node, i, ChannelsLast(node.input(i)));
    }
    MarkTurned(node);
    return true;
  }

  // Its result is what it was: only where the axes come from changes.
  bool FollowTranspose(Node& node) {
    if (!IsTurned(node.input(0)) || !node.input(1).node->IsConst()) return false;
    std::array<int, 4> perm;
    bool is_needless = true;
    for (int i = 0; i < 4; ++i) {
      const int64_t axis = ToInt64s(node.input(1).node->const_value()).at(i);
      perm[i] = MovedAxis(kToLast, axis);
      is_needless &= perm[i] == i;
    }
    if (is_needless) {
      needless_.push_back(&node);
    } else {
      graph_.SetConstInput(node, 1, AxesTensor(perm));
      node.SetAttr("Tperm", DType::kInt32);
    }
    return true;
  }

  // Constants of fewer axes are broadcast from the left.
  bool FollowElementwise(Node& node) {
    if (RankOf(node.output()) != 4) return false;
    for (Value input : node.inputs()) {
      if (RankOf(input) != 4 && RankOf(input) != 0 && !input.node->IsConst()) return false;
    }
    for (int i = 0; i < node.num_inputs(); ++i) {
      const Value input = node.input(i);
      if (RankOf(input) == 4) {
        graph_.SetInput(node, i, ChannelsLast(input));
      } else if (RankOf(input) > 0 && input.node->const_value().num_elements() > 1) {
        const Tensor& value = input.node->const_value();
        Shape shape = {1, 1, 1, 1};
        for (int k = 1; k <= value.shape().rank(); ++k) {
          shape[4 - k] = value.shape()[value.shape().rank() - k];
        }
        Node& whole = graph_.AddConst(input.node->name(), value.Reshaped(shape));
        graph_.SetInput(node, i,
                        AddTranspose(whole.output(), value.dtype(), kToLast, "/channels_last"));
      }
    }
    MarkTurned(node);
    return true;
  }

  Graph& graph_;
  ShapeMap shapes_;
  std::set<Key> turned_;
  std::map<Key, Value> channels_first_, channels_last_;
  std::vector<Node*> needless_;  // Transposes that change nothing any more
};

// Convolutions, pooling, ... in NCHW  ->  the same in NHWC, for which the kernels are made and
// which TensorFlow runs on every machine. Between them everything that can works in NHWC too;
// Transposes stay at the border: at inputs, outputs and ops that cannot.
bool Run(Graph& graph, PassContext&) {
  const std::vector<Node*> nodes = graph.nodes();
  const bool has_any =
      std::any_of(nodes.begin(), nodes.end(), [](Node* node) { return IsChannelsFirst(*node); });
  return has_any && Converter(graph).Run();
}

}  // namespace

void register_make_channels_last(PassRegistry& passes) {
  passes.Add({.name = "make_channels_last",
              .summary = "Turns NCHW layers and what lies between them into NHWC.",
              .run = Run});
}

}  // namespace adze
