#include "adze/export.h"
#include "export/name_scopes.h"
#include "export/output_names.h"
#include "export/quantized_layer.h"
#include "export/shared_quantizers.h"

namespace adze {
namespace {

// x -> Mul(1 / scale) -> Round -> Add(offset) -> Minimum(127) -> Maximum(-128) -> Sub(offset):
// AMCT's simulation (reference section 2), q - offset held in float32. TensorFlow's Round rounds
// half to even.
Value AddActivationChain(Graph& graph, const QuantizedInput& input, const std::string& scope) {
  Value value = input.data();
  auto add = [&](const char* name, const char* op, std::optional<float> operand) {
    std::vector<Value> inputs = {value};
    if (operand) {
      const std::string constant = scope + "/" + name + "/y";
      inputs.push_back(graph.AddConst(constant, Tensor::Scalar(*operand)).output());
    }
    value = graph.Add(scope + "/" + name, op, inputs, {{"T", DType::kFloat}}).output();
  };
  const auto offset = static_cast<float>(input.zero_point);
  add("Mul", "Mul", 1.0f / input.scale);
  add("Round", "Round", std::nullopt);
  add("Add", "Add", offset);
  add("Minimum", "Minimum", static_cast<float>(QuantMax(input.num_bits)));
  add("Maximum", "Maximum", static_cast<float>(QuantMin(input.num_bits)));
  add("Sub", "Sub", offset);
  return value;
}

// The tensor's integers times its scale.
Value AddAntiQuantize(Graph& graph, const QuantizedInput& input, Value integers,
                      const std::string& scope) {
  Node& scale = graph.AddConst(scope + "/scale", Tensor::Scalar(input.scale));
  return graph.Add(scope + "/Mul", "Mul", {integers, scale.output()}, {{"T", DType::kFloat}})
      .output();
}

// The layer's sum of integers times scale_d * scale_w, along the channels of its output.
Node& AddDequantize(Graph& graph, const QuantizedLayer& layer, const std::string& scope) {
  Tensor scale = Tensor::Vector(layer.deq_scale);
  const bool channels_first = layer.node->attr<std::string>("data_format", "NHWC") == "NCHW";
  if (channels_first && scale.num_elements() > 1) {
    scale = scale.Reshaped({scale.num_elements(), 1, 1});
  }
  Node& constant = graph.AddConst(scope + "/scale", std::move(scale));
  return graph.Add(scope + "/Mul", "Mul", {layer.tail().output(), constant.output()},
                   {{"T", DType::kFloat}});
}

}  // namespace

Graph BuildFakeQuantGraph(const Graph& prepared, const Record& record) {
  Graph graph = prepared.Clone();
  NameScopes names(graph);
  SharedQuantizers quantizers;
  for (const QuantizedLayer& layer : QuantizedLayers(graph, record)) {
    const Value data = quantizers.Get(layer, [&] {
      return AddActivationChain(graph, layer, names.Take(layer.scope + "/act_quant"));
    });
    graph.SetInput(*layer.node, layer.traits->data_input, data);
    if (layer.weight) {
      const std::string scope = names.Take(layer.scope + "/weight_quant");
      Node& weight = graph.AddConst(scope + "/weight", Cast(layer.weight->values, DType::kFloat));
      ReplaceConstInput(graph, *layer.node, *layer.traits->weight_input, weight.output());
    }
    if (layer.bias_add) {
      const std::string scope = names.Take(layer.scope + "/bias_quant");
      Node& bias = graph.AddConst(scope + "/bias", Cast(Tensor::Vector(layer.bias), DType::kFloat));
      ReplaceConstInput(graph, *layer.bias_add, 1, bias.output());
    }
    Node& mul = AddDequantize(graph, layer, names.Take(layer.scope + "/dequant"));
    graph.ReplaceUses(layer.tail().output(), mul.output(), &mul);
  }
  for (const QuantizedInput& tensor : QuantizedTensors(graph, record)) {
    const Value integers = quantizers.Get(tensor, [&] {
      return AddActivationChain(graph, tensor, names.Take(tensor.scope + "/act_quant"));
    });
    graph.SetInput(
        *tensor.node, tensor.input,
        AddAntiQuantize(graph, tensor, integers, names.Take(tensor.scope + "/anti_quant")));
  }
  KeepOutputNames(graph);
  return graph;
}

}  // namespace adze
