#include "adze/export.h"
#include "export/name_scopes.h"
#include "export/output_names.h"
#include "export/quantized_layer.h"
#include "export/shared_quantizers.h"

namespace adze {
namespace {

// x -> Mul(1 / scale) -> Round -> Add(offset) -> Minimum(127) -> Maximum(-128) -> Sub(offset) ->
// Mul(scale). TensorFlow's Round rounds half to even.
Value AddActivationChain(Graph& graph, const QuantizedLayer& layer, const std::string& scope) {
  Value value = layer.data();
  auto add = [&](const char* name, const char* op, std::optional<float> operand) {
    std::vector<Value> inputs = {value};
    if (operand) {
      const std::string constant = scope + "/" + name + "/y";
      inputs.push_back(graph.AddConst(constant, Tensor::Scalar(*operand)).output());
    }
    value = graph.Add(scope + "/" + name, op, inputs, {{"T", DType::kFloat}}).output();
  };
  const auto offset = static_cast<float>(layer.zero_point);
  add("Mul", "Mul", 1.0f / layer.scale);
  add("Round", "Round", std::nullopt);
  add("Add", "Add", offset);
  add("Minimum", "Minimum", static_cast<float>(QuantMax(layer.num_bits)));
  add("Maximum", "Maximum", static_cast<float>(QuantMin(layer.num_bits)));
  add("Sub", "Sub", offset);
  add("Mul_1", "Mul", layer.scale);
  return value;
}

Tensor DequantizedBias(const QuantizedLayer& layer) {
  std::vector<float> bias(layer.bias.size());
  for (size_t i = 0; i < bias.size(); ++i) {
    bias[i] = static_cast<float>(layer.bias[i]) * layer.deq_scale_of(i);
  }
  return Tensor::Vector(bias);
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
      Node& weight = graph.AddConst(scope + "/weight",
                                    DequantizeWeight(*layer.weight, layer.traits->channel_axes));
      ReplaceConstInput(graph, *layer.node, *layer.traits->weight_input, weight.output());
    }
    if (layer.bias_add) {
      const std::string scope = names.Take(layer.scope + "/bias_quant");
      Node& bias = graph.AddConst(scope + "/bias", DequantizedBias(layer));
      ReplaceConstInput(graph, *layer.bias_add, 1, bias.output());
    }
  }
  KeepOutputNames(graph);
  return graph;
}

}  // namespace adze
