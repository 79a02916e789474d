// The deployable graph. Of a layer with a bias:
//
//   x -> Conv2D(w) -> BiasAdd(b) -> ...
//
//   x -> AscendQuant -> Conv2D(AscendWeightQuant(int8)) -> BiasAdd(Cast(int32)) -> AscendDequant ->
//   ...
//
// On the device the layer reads int8 and gives int32. In TensorFlow's graph, which must be well
// typed for the float ops between, the quantizers give integers as float32; so the int32 bias,
// whose Const is what the compiler wants, passes a Cast on its way to BiasAdd.
#include <bit>
#include <cmath>

#include "adze/export.h"
#include "adze/window.h"
#include "export/name_scopes.h"
#include "export/output_names.h"
#include "export/quantized_layer.h"
#include "export/shared_quantizers.h"

namespace adze {
namespace {

constexpr float kLeastHalf = 6.103515625e-5f, kMostHalf = 65504;  // float16's normal range

Value AddAscendQuant(Graph& graph, const QuantizedInput& input, const std::string& scope) {
  return graph
      .Add(scope + "/AscendQuant", "AscendQuant", {input.data()},
           {{"T", DType::kFloat},
            {"quant_bits", input.num_bits},
            {"scale", 1.0f / input.scale},
            {"offset", static_cast<float>(input.zero_point)}})
      .output();
}

Value AddAscendAntiQuant(Graph& graph, const QuantizedInput& input, Value integers,
                         const std::string& scope) {
  return graph
      .Add(scope + "/AscendAntiQuant", "AscendAntiQuant", {integers},
           {{"T", DType::kFloat},
            {"scale", input.scale},
            {"offset", static_cast<float>(input.zero_point)}})
      .output();
}

Value AddAscendWeightQuant(Graph& graph, const QuantizedLayer& layer, const std::string& scope) {
  const auto scales = static_cast<int64_t>(layer.weight->params.scale.size());
  Node& weight = graph.AddConst(scope + "/weight", layer.weight->values);
  Node& offset = graph.AddConst(scope + "/offset", Tensor::Zeros(DType::kInt8, Shape{scales}));
  const bool is_int4 = layer.weight->params.spec.num_bits <= 4;
  return graph
      .Add(scope + "/AscendWeightQuant", "AscendWeightQuant", {weight.output(), offset.output()},
           {{"dst_type", is_int4 ? DType::kInt4 : DType::kInt8}})
      .output();
}

Value AddBias(Graph& graph, const QuantizedLayer& layer, const std::string& scope) {
  Node& bias = graph.AddConst(scope + "/bias", Tensor::Vector(layer.bias));
  return graph
      .Add(scope + "/Cast", "Cast", {bias.output()},
           {{"SrcT", DType::kInt32}, {"DstT", DType::kFloat}, {"Truncate", false}})
      .output();
}

// float32 bits of the scales in the low halves, 0 above: offset_w and shift_bit are 0. Where a
// scale is no normal float16, all are stored as their square roots (sqrt_mode) and multiplied
// twice.
Value AddAscendDequant(Graph& graph, const QuantizedLayer& layer, const std::string& scope) {
  bool is_root = false;
  for (float scale : layer.deq_scale) is_root |= scale < kLeastHalf || scale > kMostHalf;
  std::vector<uint64_t> packed;
  for (float scale : layer.deq_scale) {
    packed.push_back(std::bit_cast<uint32_t>(is_root ? std::sqrt(scale) : scale));
  }
  Node& deq_scale = graph.AddConst(scope + "/deq_scale", Tensor::Vector(packed));

  const Node& node = *layer.node;
  std::vector<int64_t> kernel = {1, 1};
  if (const auto* ksize = node.FindAttr<std::vector<int64_t>>("ksize")) {
    const ImageLayout layout = LayoutOf(node);
    kernel = {ksize->at(layout.height()), ksize->at(layout.width())};
  }
  return graph
      .Add(scope + "/AscendDequant", "AscendDequant", {layer.tail().output(), deq_scale.output()},
           {{"T", DType::kFloat},
            {"ksize", kernel},
            {"data_format", node.attr<std::string>("data_format", "NHWC")},
            {"sqrt_mode", is_root},
            {"relu_flag", false},
            {"dtype", 0}})
      .output();
}

}  // namespace

Graph BuildQuantizedGraph(const Graph& prepared, const Record& record) {
  Graph graph = prepared.Clone();
  NameScopes names(graph);
  SharedQuantizers quantizers;
  for (const QuantizedLayer& layer : QuantizedLayers(graph, record)) {
    const Value data = quantizers.Get(layer, [&] {
      return AddAscendQuant(graph, layer, names.Take(layer.scope + "/act_quant"));
    });
    graph.SetInput(*layer.node, layer.traits->data_input, data);
    if (layer.weight) {
      const std::string scope = names.Take(layer.scope + "/weight_quant");
      ReplaceConstInput(graph, *layer.node, *layer.traits->weight_input,
                        AddAscendWeightQuant(graph, layer, scope));
    }
    if (layer.bias_add) {
      const std::string scope = names.Take(layer.scope + "/bias_quant");
      ReplaceConstInput(graph, *layer.bias_add, 1, AddBias(graph, layer, scope));
    }
    const Value dequant = AddAscendDequant(graph, layer, names.Take(layer.scope + "/dequant"));
    graph.ReplaceUses(layer.tail().output(), dequant, dequant.node);
  }
  for (const QuantizedInput& tensor : QuantizedTensors(graph, record)) {
    const Value integers = quantizers.Get(tensor, [&] {
      return AddAscendQuant(graph, tensor, names.Take(tensor.scope + "/act_quant"));
    });
    graph.SetInput(
        *tensor.node, tensor.input,
        AddAscendAntiQuant(graph, tensor, integers, names.Take(tensor.scope + "/anti_quant")));
  }
  KeepOutputNames(graph);
  return graph;
}

}  // namespace adze
