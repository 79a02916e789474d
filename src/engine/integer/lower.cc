// Rewrites a deployable graph so that layers run on integers:
//
//   r ----------------------------------------------------------------+
//   x -> AscendQuant -> Conv2D -> BiasAdd -> AscendDequant -> Relu -> Add -> Relu -> AscendQuant ->
//
//   x -> IntegerQuantize -> IntegerConv2D(residual r, gives real and codes) ->
//
// If both addends are quantized too (AscendQuant -> AscendAntiQuant in front of Add), the residual
// is codes, and the layer quantizes its own addend before it adds:
//
//   x -> IntegerQuantize -> IntegerConv2D(residual codes of r, gives codes) ->
//
// and MaxPool, Pad, Reshape, Squeeze and concatenation between layers work on codes, where nobody
// reads the real values: quantization is monotone, works on each element alone and maps 0 to the
// code that stands for it, so it may as well come first.
#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "adze/integer.h"
#include "adze/quant.h"
#include "engine/integer/instructions.h"
#include "engine/integer/ops.h"
#include "engine/value_map.h"

namespace adze {
namespace {

using integer::InputsOf;
using integer::LayerInputs;

// What an AscendQuant does.
struct Quantizer {
  float inverse_scale = 1;
  int64_t zero_point = 0, bits = 8;
  int64_t zero_code() const { return zero_point + 128; }
  friend bool operator==(const Quantizer&, const Quantizer&) = default;
};

Quantizer QuantizerOf(const Node& node) {
  return {node.attr<float>("scale"), static_cast<int64_t>(node.attr<float>("offset")),
          node.attr<int64_t>("quant_bits", 8)};
}

// The nodes that become one, and the numbers in them.
struct Layer {
  Node* node = nullptr;
  Node* quant = nullptr;
  const Tensor* weight = nullptr;
  const Tensor* bias = nullptr;
  std::vector<float> scale;
  Node* last = nullptr;  // whose output is the layer's
  std::string before, after;
  std::optional<Value> residual;
  // AscendQuant and AscendAntiQuant between the layer and the addition, and behind the residual.
  Node* own_anti = nullptr;
  Node* residual_anti = nullptr;
};

// The AscendQuant before an AscendAntiQuant; null if there is none or not of codes.
Node* QuantBefore(const Node& anti) {
  Node* quant = anti.input(0).node;
  return quant->op() == "AscendQuant" && QuantizerOf(*quant).bits <= 8 ? quant : nullptr;
}

class Lowering {
 public:
  explicit Lowering(const Graph& quantized) {
    ops_ = integer::WithIntegerOps(quantized.ops());
    graph_.emplace(quantized.Clone(*ops_));
  }

  IntegerGraph Run() {
    std::map<std::string, Value> codes;
    shapes_ = InferShapes(*graph_);
    for (Node* node : graph_->TopologicalOrder()) {
      if (node->def() && node->def()->quant && DataQuant(*node)) LowerLayer(*node);
    }
    graph_->Prune();
    for (Node* node : graph_->nodes()) DropUnusedReal(*node);
    for (const auto& [quant, place] : codes_) {
      Node* node = graph_->Find(place.first);  // unless it was folded into its reader
      if (node) codes[quant] = {node, gives_codes_only_.count(node) ? 0 : place.second};
    }
    return {std::move(ops_), std::move(*graph_), std::move(layers_), std::move(codes)};
  }

 private:
  using Place = std::pair<std::string, int>;  // node and output

  static Node* DataQuant(Node& node) {
    const int data = node.def()->quant->data_input;
    Node* quant = data < node.num_inputs() ? node.input(data).node : nullptr;
    return quant && quant->op() == "AscendQuant" ? quant : nullptr;
  }

  Node* OnlyReader(Value value) const {
    const std::vector<Use> uses = graph_->Uses(value);
    return uses.size() == 1 && graph_->CountUses(value) == 1 ? uses[0].user : nullptr;
  }

  void LowerLayer(Node& node) {
    Layer layer{.node = &node, .quant = DataQuant(node)};
    seen_.insert(&node);
    std::string reason = FindParts(layer);
    if (reason.empty()) {
      FindEpilogue(layer);
      Replace(layer);
    }
    layers_.push_back({node_name_, node_op_, std::move(reason)});
  }

  // Fills in what lies between the quantized data and the real result; the reason why it cannot.
  std::string FindParts(Layer& layer) {
    Node& node = *layer.node;
    node_name_ = node.name();
    node_op_ = node.op();
    const Quantizer quantizer = QuantizerOf(*layer.quant);
    if (quantizer.bits > 8) return "its data has " + std::to_string(quantizer.bits) + " bits";
    if (node.attr<std::string>("data_format", "NHWC") != "NHWC") return "its data is not NHWC";
    if (node.attr<bool>("transpose_a", false)) return "its data is transposed";
    int64_t terms = 1;
    if (const auto input = node.def()->quant->weight_input) {
      if (std::string reason = FindWeight(layer, *input, &terms); !reason.empty()) return reason;
    } else if (const auto* window = node.FindAttr<std::vector<int64_t>>("ksize")) {
      for (int64_t size : *window) terms *= std::clamp<int64_t>(size, 1, 1 << 16);
    }
    Node* tail = &node;
    Node* next = OnlyReader(node.output());
    if (next && next->op() == "BiasAdd" && next->input(0) == node.output()) {
      Node* cast = next->input(1).node;
      if (cast->op() == "Cast" && cast->input(0).node->IsConst()) {
        layer.bias = &cast->input(0).node->const_value();
      }
      if (!layer.bias || layer.bias->dtype() != DType::kInt32) return "its bias is not int32";
      tail = next;
      next = OnlyReader(tail->output());
    }
    if (!next || next->op() != "AscendDequant" || next->input(0) != tail->output()) {
      return "no AscendDequant is its only reader";
    }
    if (std::string reason = FindScale(layer, *next); !reason.empty()) return reason;
    // 255 * 128 is the largest product of a code and a weight.
    int64_t largest = terms * 255 * 128;
    if (layer.bias) {
      for (int32_t bias : layer.bias->data<int32_t>()) {
        largest = std::max(largest, terms * 255 * 128 + std::abs(int64_t{bias}));
      }
    }
    if (largest > std::numeric_limits<int32_t>::max()) return "its sums may not fit int32";
    layer.last = next;
    return "";
  }

  std::string FindWeight(Layer& layer, int input, int64_t* terms) const {
    Node& node = *layer.node;
    Node* quant = node.input(input).node;
    if (quant->op() != "AscendWeightQuant" || !quant->input(0).node->IsConst() ||
        !quant->input(1).node->IsConst()) {
      return "its weight is no constant behind AscendWeightQuant";
    }
    layer.weight = &quant->input(0).node->const_value();
    const Tensor& offset = quant->input(1).node->const_value();
    if (layer.weight->dtype() != DType::kInt8 || offset.dtype() != DType::kInt8) {
      return "its weight is not int8";
    }
    for (int8_t value : offset.data<int8_t>()) {
      if (value != 0) return "its weight has an offset";
    }
    const Shape& shape = layer.weight->shape();
    if (shape.num_elements() == 0) return "its weight is empty";
    const int rank = node.op() == "MatMul" ? 2 : 4;
    if (shape.rank() != rank) return "its weight has rank " + std::to_string(shape.rank());
    if (node.op() == "Conv2D") {
      const Shape& data = shapes_[node.input(0)].shape;
      if (data.rank() != 4 || data[3] != shape[2]) return "its channels are in groups or unknown";
    }
    *terms = shape.num_elements() / ChannelsOf(layer);
    return "";
  }

  static int64_t ChannelsOf(const Layer& layer) {
    const Node& node = *layer.node;
    const Shape& shape = layer.weight->shape();
    if (node.op() == "Conv2DBackpropInput") return shape[2];
    if (node.op() == "DepthwiseConv2dNative") return shape[2] * shape[3];
    if (node.op() == "MatMul") return shape[node.attr<bool>("transpose_b", false) ? 0 : 1];
    return shape[3];
  }

  std::string FindScale(Layer& layer, Node& dequant) {
    if (!dequant.input(1).node->IsConst()) return "its scale is not constant";
    const Tensor& packed = dequant.input(1).node->const_value();
    if (packed.dtype() != DType::kUint64) return "its scale is not uint64";
    const bool is_root = dequant.attr<bool>("sqrt_mode", false);
    for (uint64_t bits : packed.data<uint64_t>()) {
      const float scale = std::bit_cast<float>(static_cast<uint32_t>(bits));
      layer.scale.push_back(is_root ? scale * scale : scale);
      if (!(layer.scale.back() > 0) || !std::isfinite(layer.scale.back())) {
        return "its scale is not positive";
      }
    }
    const size_t count = layer.scale.size();
    if (layer.weight) {
      const auto channels = static_cast<size_t>(ChannelsOf(layer));
      if (count != 1 && count != channels) return "its scale does not fit its channels";
      if (layer.bias && layer.bias->num_elements() != static_cast<int64_t>(channels)) {
        return "its bias does not fit its channels";
      }
    } else if (count != 1 || layer.bias) {
      return "it has a scale or a bias for each channel";
    }
    if (dequant.attr<bool>("relu_flag", false)) layer.before = "Relu";
    return "";
  }

  // Activations and one addition behind the layer, each the only reader of the one before.
  void FindEpilogue(Layer& layer) const {
    while (Node* next = OnlyReader(layer.last->output())) {
      std::string& activation = layer.residual ? layer.after : layer.before;
      if ((next->op() == "Relu" || next->op() == "Relu6") && activation.empty()) {
        activation = next->op();
        layer.last = next;
        continue;
      }
      if (layer.residual || !FindAddition(layer)) return;
    }
  }

  bool FindAddition(Layer& layer) const {
    Node* own = layer.last;
    Node* anti = nullptr;
    Node* next = OnlyReader(own->output());
    if (next->op() == "AscendQuant") {
      anti = OnlyReader(next->output());
      if (!anti || anti->op() != "AscendAntiQuant" || !QuantBefore(*anti)) return false;
      own = anti;
      next = OnlyReader(own->output());
    }
    if (!next || (next->op() != "Add" && next->op() != "AddV2")) return false;
    const Value other = next->input(next->input(0) == own->output() ? 1 : 0);
    if (other.node->IsConst() || !SameShape(other, own->output()) ||
        DependsOn(other, *layer.node)) {
      return false;
    }
    if (other.node->op() == "AscendAntiQuant" && QuantBefore(*other.node)) {
      // The last layer adds: the addends of others are codes by then.
      if (EndsLaterLayer(*other.node)) return false;
      layer.residual_anti = other.node;
    }
    layer.own_anti = anti;
    layer.residual = other;
    layer.last = next;
    return true;
  }

  // Whether the value is the result of a layer that has still to be lowered and could do this
  // addition.
  bool EndsLaterLayer(Node& anti) const {
    Node* node = QuantBefore(anti);
    if (!OnlyReader(anti.output()) || !OnlyReader(node->output())) return false;
    node = node->input(0).node;
    if (node->op() == "Relu" || node->op() == "Relu6") node = node->input(0).node;
    if (node->op() != "AscendDequant" || !OnlyReader(node->output())) return false;
    node = node->input(0).node;
    if (node->op() == "BiasAdd") node = node->input(0).node;
    return !seen_.contains(node);
  }

  static bool DependsOn(Value value, const Node& node) {
    std::unordered_set<const Node*> seen;
    std::vector<const Node*> stack = {value.node};
    while (!stack.empty()) {
      const Node* next = stack.back();
      stack.pop_back();
      if (next == &node) return true;
      if (!seen.insert(next).second) continue;
      for (Value input : next->inputs()) stack.push_back(input.node);
    }
    return false;
  }

  bool SameShape(Value a, Value b) const {
    const TensorSpec& one = shapes_[OriginalOf(a)];
    const TensorSpec& other = shapes_[OriginalOf(b)];
    if (one.dtype != DType::kFloat || !one.shape.known_rank() || one.shape != other.shape) {
      return false;
    }
    // The batch may be open; a dimension that is not known beside it might broadcast.
    const auto& dims = one.shape.dims();
    return dims.size() > 1 &&
           std::find(dims.begin() + 1, dims.end(), Shape::kUnknown) == dims.end();
  }

  void Replace(const Layer& layer) {
    Node& node = *layer.node;
    const QuantTraits& traits = *node.def()->quant;
    const Quantizer quantizer = QuantizerOf(*layer.quant);
    const Value data = CodesOf(layer.quant->input(0), quantizer);
    codes_[layer.quant->name()] = {data.node->name(), data.index};
    std::vector<Value> inputs(node.inputs().begin(), node.inputs().end());
    inputs[traits.data_input] = data;
    const std::string& name = node.name();
    if (layer.weight) {
      inputs[*traits.weight_input] = node.input(*traits.weight_input).node->input(0);
    }
    inputs.push_back(graph_->AddConst(name + "/scale", Tensor::Vector(layer.scale)).output());
    if (layer.bias) inputs.push_back(graph_->AddConst(name + "/bias", *layer.bias).output());
    AttrMap attrs = node.attrs();
    if (layer.residual_anti) {
      inputs.push_back(AddResidualCodes(*layer.residual_anti, attrs));
    } else if (layer.residual) {
      inputs.push_back(*layer.residual);
    }
    if (layer.own_anti) SetOwnQuantizer(*layer.own_anti, attrs);
    // TensorFlow 1.15 ignores them.
    if (node.op() == "DepthwiseConv2dNative") attrs.erase("dilations");
    for (const auto& [key, value] : AttrMap{{"zero", quantizer.zero_code()},
                                            {"before", layer.before},
                                            {"after", layer.after},
                                            {"has_bias", layer.bias != nullptr},
                                            {"has_residual", layer.residual.has_value()},
                                            {"gives_real", true},
                                            {"gives_codes", false}}) {
      attrs.insert_or_assign(key, value);
    }
    Node& lowered = graph_->Add(graph_->UniqueName(name + "/integer"), "Integer" + node.op(),
                                std::move(inputs), std::move(attrs));
    if (traits.data_input == 0 && traits.weight_input && node.op() != "MatMul") FoldPad(lowered);
    graph_->ReplaceUses(layer.last->output(), lowered.output());
    original_[&lowered] = layer.last;
  }

  Value AddResidualCodes(const Node& anti, AttrMap& attrs) {
    const Node& quant = *QuantBefore(anti);
    const Quantizer quantizer = QuantizerOf(quant);
    const Value codes = CodesOf(quant.input(0), quantizer);
    codes_[quant.name()] = {codes.node->name(), codes.index};
    attrs.insert_or_assign("residual_is_codes", true);
    attrs.insert_or_assign("residual_zero", quantizer.zero_code());
    attrs.insert_or_assign("residual_step", anti.attr<float>("scale"));
    return codes;
  }

  static void SetOwnQuantizer(const Node& anti, AttrMap& attrs) {
    const Quantizer quantizer = QuantizerOf(*QuantBefore(anti));
    attrs.insert_or_assign("quantizes_own", true);
    attrs.insert_or_assign("own_scale", quantizer.inverse_scale);
    attrs.insert_or_assign("own_step", anti.attr<float>("scale"));
    attrs.insert_or_assign("own_zero", quantizer.zero_code());
    attrs.insert_or_assign("own_bits", quantizer.bits);
  }

  // A Pad of codes that only this node reads becomes its attribute.
  void FoldPad(Node& node) {
    Node* pad = node.input(0).node;
    if (pad->op() != "PadV2" || !made_.count(pad) || OnlyReader(pad->output()) != &node) return;
    const std::vector<int64_t> around = ToInt64s(pad->input(1).node->const_value());
    if (around.size() != 8 || around[0] || around[1] || around[6] || around[7]) return;
    node.SetAttr("pad", std::vector<int64_t>(around.begin() + 2, around.begin() + 6));
    graph_->SetInput(node, 0, pad->input(0));
  }

  // The value as codes; its readers that want them share them.
  Value CodesOf(Value real, const Quantizer& quantizer) {
    auto& known = known_[real];
    for (const auto& [other, codes] : known) {
      if (other == quantizer) return codes;
    }
    const Value codes = MakeCodes(real, quantizer);
    known_[real].emplace_back(quantizer, codes);
    return codes;
  }

  Value MakeCodes(Value real, const Quantizer& quantizer) {
    Node& node = *real.node;
    if (original_.count(&node) && !node.attr<bool>("gives_codes")) {
      node.SetAttr("gives_codes", true);
      node.SetAttr("next_scale", quantizer.inverse_scale);
      node.SetAttr("next_zero", quantizer.zero_code());
      node.SetAttr("next_bits", quantizer.bits);
      return node.output(1);
    }
    if (OnlyQuantizersRead(real, quantizer)) {
      if (const auto moved = MoveQuantizer(node, quantizer)) return *moved;
    }
    return graph_
        ->Add(graph_->UniqueName(node.name() + "/codes"), "IntegerQuantize", {real},
              {{"next_scale", quantizer.inverse_scale},
               {"next_zero", quantizer.zero_code()},
               {"next_bits", quantizer.bits}})
        .output();
  }

  bool OnlyQuantizersRead(Value real, const Quantizer& quantizer) const {
    if (graph_->IsOutput(real)) return false;
    const std::vector<Use> uses = graph_->Uses(real);
    return std::all_of(uses.begin(), uses.end(), [&](const Use& use) {
      if (made_.count(use.user) || moved_.count(use.user)) return true;
      return use.user->op() == "AscendQuant" && QuantizerOf(*use.user) == quantizer;
    });
  }

  // The node's result on quantized data; nullopt where that is something else.
  std::optional<Value> MoveQuantizer(Node& node, const Quantizer& quantizer) {
    const std::string& op = node.op();
    std::vector<Value> inputs(node.inputs().begin(), node.inputs().end());
    AttrMap attrs = node.attrs();
    attrs.insert_or_assign("T", DType::kUint8);
    std::string lowered = op;
    if (op == "ConcatV2") {
      for (size_t i = 0; i + 1 < inputs.size(); ++i) {
        if (shapes_[OriginalOf(inputs[i])].dtype != DType::kFloat) return std::nullopt;
      }
      moved_.insert(&node);
      for (size_t i = 0; i + 1 < inputs.size(); ++i) inputs[i] = CodesOf(inputs[i], quantizer);
    } else {
      if (op == "MaxPool" && node.attr<std::string>("data_format", "NHWC") == "NHWC") {
        lowered = "IntegerMaxPool";
        attrs.insert_or_assign("zero", quantizer.zero_code());
      } else if (op == "Pad" && node.input(1).node->IsConst()) {
        lowered = "PadV2";
        const Tensor zero = Tensor::Scalar(static_cast<uint8_t>(quantizer.zero_code()));
        inputs.push_back(graph_->AddConst(node.name() + "/zero", zero).output());
      } else if (op != "Reshape" && op != "Squeeze" && op != "Identity") {
        return std::nullopt;
      }
      moved_.insert(&node);
      inputs[0] = CodesOf(node.input(0), quantizer);
    }
    Node& made = graph_->Add(graph_->UniqueName(node.name() + "/codes"), lowered, std::move(inputs),
                             std::move(attrs));
    made_.insert(&made);
    if (lowered == "IntegerMaxPool") FoldPad(made);
    return made.output();
  }

  // What the value was before its node was lowered.
  Value OriginalOf(Value value) const {
    auto it = original_.find(value.node);
    return it == original_.end() ? value : it->second->output();
  }

  // Output 1 of a layer whose output 0 nobody reads becomes output 0.
  void DropUnusedReal(Node& node) {
    if (!original_.count(&node) || graph_->CountUses(node.output()) > 0) return;
    node.SetAttr("gives_real", false);
    graph_->ReplaceUses(node.output(1), node.output(0));
    gives_codes_only_.insert(&node);
  }

  std::unique_ptr<OpRegistry> ops_;
  std::vector<LoweredLayer> layers_;
  std::optional<Graph> graph_;
  ShapeMap shapes_;
  std::unordered_map<const Node*, Node*> original_;  // of lowered layers: their last node
  std::unordered_set<const Node*> seen_, made_, moved_, gives_codes_only_;
  ValueMap<std::vector<std::pair<Quantizer, Value>>> known_;
  std::map<std::string, Place> codes_;
  std::string node_name_, node_op_;
};

}  // namespace

IntegerGraph LowerToIntegers(const Graph& quantized) {
  integer::CurrentInstructions();  // says at once what is wrong with ADZE_INSTRUCTIONS
  return Lowering(quantized).Run();
}

}  // namespace adze
