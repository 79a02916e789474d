#include <tuple>

#include "adze/export.h"
#include "export/layer_view.h"

namespace adze {
namespace {

// x -> Mul(1/scale) -> Round -> Add(offset) -> Minimum -> Maximum -> Sub(offset) -> Mul(scale): the
// order of AMCT's simulation graph (reference section 2), in ops that stock TensorFlow has.
Value AddFakeQuant(Graph& graph, const std::string& scope, Value x, const QuantParams& params) {
  const float scale = params.scale[0];
  const auto offset = static_cast<float>(params.zero_point[0]);
  const int bits = params.spec.num_bits;
  const AttrMap attrs = {{"T", DType::kFloat}};
  Value value = x;
  auto apply = [&](const char* name, const char* op, std::optional<float> operand) {
    const std::string full = graph.UniqueName(scope + "/act_quant/" + name);
    std::vector<Value> inputs = {value};
    if (operand) {
      inputs.push_back(graph.AddConst(full + "/y", Tensor::Scalar(*operand)).output());
    }
    value = graph.Add(full, op, std::move(inputs), attrs).output();
  };
  apply("divide", "Mul", 1.0f / scale);
  apply("round", "Round", std::nullopt);
  apply("offset", "Add", offset);
  apply("clip_max", "Minimum", static_cast<float>(QuantMax(bits)));
  apply("clip_min", "Maximum", static_cast<float>(QuantMin(bits)));
  apply("centre", "Sub", offset);
  apply("dequantize", "Mul", scale);
  return value;
}

void ReplaceBias(Graph& graph, const LayerView& view) {
  const std::vector<int32_t> steps = view.QuantizedBias();
  const std::vector<float> scale_w = view.scale_w();
  std::vector<float> bias;
  for (size_t i = 0; i < steps.size(); ++i) {
    const float scale = scale_w[scale_w.size() == 1 ? 0 : i] * view.scale_d();
    bias.push_back(static_cast<float>(steps[i]) * scale);
  }
  Node& constant = graph.AddConst(view.scope() + "/bias_quant/dequantized", Tensor::Vector(bias));
  graph.SetInput(*view.bias_add, 1, constant.output());
}

}  // namespace

Graph BuildFakeQuantGraph(const Graph& prepared, const Record& record) {
  Graph graph = prepared.Clone();
  // Layers that read one tensor with the same factors share a chain.
  std::map<std::tuple<const Node*, int, float, int32_t, int>, Value> chains;
  for (const LayerView& view : QuantizedLayers(graph, record)) {
    ErrorScope scope("layer", view.layer.name());
    const Value data = view.data();
    Value& chain = chains[{data.node, data.index, view.scale_d(), view.zero_point(),
                           view.record.activation->spec.num_bits}];
    if (!chain.node) chain = AddFakeQuant(graph, view.scope(), data, *view.record.activation);
    graph.SetInput(view.layer, view.traits.data_input, chain);
    if (const std::optional<QuantizedWeight> weight = view.QuantizedWeights()) {
      Node& constant = graph.AddConst(view.scope() + "/weight_quant/dequantized",
                                      DequantizeWeight(*weight, view.traits.channel_axes));
      graph.SetInput(view.layer, *view.traits.weight_input, constant.output());
    }
    if (view.bias_add) ReplaceBias(graph, view);
  }
  RestoreOutputNames(graph);
  graph.Prune();
  return graph;
}

}  // namespace adze
