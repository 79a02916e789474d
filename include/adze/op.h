#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/tensor.h"

namespace adze {

// What quantization must know of an op. Every pass and calibrator reads this, so none of them asks
// "is it a Conv2D?".
struct QuantTraits {
  int data_input = 0;                        // which input holds the activations
  std::optional<int> weight_input = {};      // which input holds the weights; AvgPool has none
  std::vector<int> channel_axes = {};        // output channels within the weights ([2, 3] for HWCM)
  std::vector<int> input_channel_axes = {};  // input channels within the weights
  bool per_channel = false;                  // may the weight have a scale per channel
  // What each of some output positions (numbered over batch, height and width; rows of a MatMul)
  // multiplies with the weight: `out` is [positions, taps, input channels], zero where the window
  // hangs over. Data is NHWC. Null: the layer is no sum over a window.
  void (*unfold)(const Node&, const Tensor& data, std::span<const int64_t> positions,
                 std::span<float> out) = nullptr;
  // How many output positions data of this shape gives. Null: as shape inference says.
  int64_t (*positions)(const Node&, const Shape& data) = nullptr;
  // Why this node cannot be quantized (dilation, transposed input, ...); nullopt if it can.
  // Whether the weight is constant is checked by the caller.
  std::optional<std::string> (*refuse)(const Node&) = nullptr;
};

// What shape inference may look at.
struct ShapeContext {
  const Node& node;
  std::span<const TensorSpec> inputs;        // shapes may be partly unknown
  std::span<const Tensor* const> constants;  // per input: its value if it is known, else null

  // These throw kBadFile if the node has no input `i`.
  const TensorSpec& spec(int i) const {
    Require(i < static_cast<int>(inputs.size()), ErrorCode::kBadFile, node.op(), " has ",
            inputs.size(), " inputs, but needs input ", i);
    return inputs[i];
  }
  const Shape& shape(int i) const { return spec(i).shape; }
  const Tensor* constant(int i) const {
    spec(i);
    return constants[i];
  }
};

// What OpDef::keeps_rows looks at: besides what shape inference sees, the outputs and which inputs
// have the batch as their first dimension. The other inputs may or may not be constant.
struct RowContext : ShapeContext {
  std::span<const TensorSpec> outputs;
  const std::vector<bool>& rows;

  // Whether input `i` has rows and all others are constant.
  bool OnlyRowsAre(int i) const {
    for (int k = 0; k < static_cast<int>(inputs.size()); ++k) {
      if (k == i ? !rows[k] : !constants[k]) return false;
    }
    return i < static_cast<int>(inputs.size());
  }
};

// Knowledge about one TensorFlow op; src/ops registers one family of ops a file.
struct OpDef {
  std::string name;
  std::string summary = {};
  // Element type and shape of every output. Unknown dimensions in, unknown dimensions out; with
  // known input shapes and known shape operands the result must be known. Throws kBadFile or
  // kUnsupported where the node is wrong.
  std::function<std::vector<TensorSpec>(const ShapeContext&)> infer;
  // Computes the outputs, which are allocated as `infer` says. Plain and right rather than fast
  // where an engine has its own kernel; constant folding and the reference interpreter use it.
  std::function<void(const Node&, std::span<const Tensor>, std::span<Tensor>)> evaluate = {};
  // The shapes of outputs may depend on the inputs' elements: where `infer` leaves one unknown,
  // `evaluate` gets no tensor and puts its own there. So do outputs that are lists of tensors.
  bool sizes_outputs = false;
  // Decides what runs, and how often (Switch, Merge, Enter, ...): the engine knows these by name.
  bool is_control_flow = false;
  // Output i is a function of the inputs' elements i, broadcast as NumPy does.
  bool is_elementwise = false;
  // Whether row i of every output depends on no other row of the inputs than row i, so that a batch
  // can be run in pieces. Null: only if the op is elementwise.
  bool (*keeps_rows)(const RowContext&) = nullptr;
  // Changes attributes and constant operands so that the node, fed with data whose axis i was axis
  // axes[i] before, gives the same elements: permuted likewise if the output has as many axes, else
  // in the same order. False, with nothing changed, if it cannot be. Null: only if the op is
  // elementwise.
  bool (*permute_axes)(Graph&, Node&, std::span<const int> axes) = nullptr;
  // The outputs are an input's elements, moved (Reshape, Transpose) or selected (MaxPool, Pad not):
  // scale and zero point pass through unchanged.
  bool moves_data_only = false;
  // f(s x) = s f(x) for s > 0, and channels stay what they are: a factor per channel passes
  // through.
  bool is_homogeneous = false;
  // Neither folded nor removed although nobody reads it (Placeholder, NoOp, Assert, random ops).
  bool has_side_effect = false;
  // Names of the outputs, in order, as function bodies call them ("node:y:0"); needed of ops with
  // more than one.
  std::vector<std::string> output_names = {};
  std::optional<QuantTraits> quant = {};  // absent: never quantized
};

// Where an axis of the data goes in permute_axes.
int MovedAxis(std::span<const int> axes, int64_t axis);

class OpRegistry {
 public:
  void Add(OpDef def) {
    std::string name = def.name;
    Check(defs_.emplace(name, std::move(def)).second, "op registered twice");
  }
  const OpDef* Find(std::string_view name) const {
    auto it = defs_.find(name);
    return it == defs_.end() ? nullptr : &it->second;
  }
  const std::map<std::string, OpDef, std::less<>>& all() const { return defs_; }

 private:
  std::map<std::string, OpDef, std::less<>> defs_;
};

// Runs one node on given inputs: infers, allocates and evaluates. kUnsupported if the op has no
// evaluate function or its output shape depends on data it does not have; kBadFile if the outputs
// would take more than 1 GiB.
std::vector<Tensor> EvaluateNode(const Node& node, std::span<const Tensor> inputs);

// The BiasAdd of a float32 constant that is the one reader of a node's output 0; null if there is
// none.
Node* ConstBiasAddBehind(const Graph& graph, Node& node);

// Shapes of every value of a graph, as far as they follow from the placeholders (whose shapes
// `feeds` may override by node name) and constants. Integer operands of shapes are followed
// through (Shape, StridedSlice, Pack, ...). Unknown ops give unknown shapes.
class ShapeMap {
 public:
  const TensorSpec& operator[](Value value) const;  // kInvalid dtype, unknown rank if unknown
  const Tensor* constant(Value value) const;        // null if its value is not known
  // What input `i` of the node must read instead of its constant because the batch size changed
  // (InferShapes); null: what the graph says.
  const Tensor* operand(const Node& node, int i) const;

 private:
  friend class ShapeInference;
  std::unordered_map<const Node*, std::vector<TensorSpec>> specs_;
  std::unordered_map<const Node*, std::vector<Tensor>> constants_;
  std::unordered_map<const Node*, std::pair<int, Tensor>> operands_;
};
// Frozen graphs often have the batch size written into the operands of Reshape and the like
// ([1, 1001]). Where `feeds` gives another leading dimension than the placeholder has, such an
// operand follows: its leading entry, if it was the leading dimension of what the op reads, becomes
// the new one. `nodes`: only these, in topological order.
ShapeMap InferShapes(const Graph& graph, const std::map<std::string, Shape>& feeds = {});
ShapeMap InferShapes(std::span<Node* const> nodes, const std::map<std::string, Shape>& feeds);

}  // namespace adze
