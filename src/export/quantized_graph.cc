#include <bit>
#include <tuple>

#include "adze/export.h"
#include "export/layer_view.h"

namespace adze {
namespace {

// AMCT's deploy operations (reference/amct-algorithms section 11). In the float simulation of this
// graph AscendQuant gives q - offset, the layer sums integers, and AscendDequant scales the sum.

Value AddAscendQuant(Graph& graph, const LayerView& view) {
  const std::string name = graph.UniqueName(view.scope() + "/act_quant");
  return graph
      .Add(graph.UniqueName(name + "/AscendQuant"), "AscendQuant", {view.data()},
           {{"T", DType::kFloat},
            {"quant_bits", view.record.activation->spec.num_bits},
            {"scale", 1.0f / view.scale_d()},
            {"offset", static_cast<float>(view.zero_point())}})
      .output();
}

void QuantizeWeights(Graph& graph, const LayerView& view) {
  const std::optional<QuantizedWeight> weight = view.QuantizedWeights();
  if (!weight) return;
  const std::string scope = view.scope() + "/weight_quant";
  const bool int4 = weight->params.spec.num_bits <= 4;
  Node& values = graph.AddConst(scope + "/weight", weight->values);
  Node& offset = graph.AddConst(
      scope + "/offset",
      Tensor::Zeros(DType::kInt8, {static_cast<int64_t>(weight->params.scale.size())}));
  // DT_INT4 is 29 in types.proto; TensorFlow 1.15 itself does not have it.
  Node& quant = graph.Add(graph.UniqueName(scope + "/AscendWeightQuant"), "AscendWeightQuant",
                          {values.output(), offset.output()},
                          {{"dst_type", int4 ? static_cast<DType>(29) : DType::kInt8}});
  graph.SetInput(view.layer, *view.traits.weight_input, quant.output());
}

// The int32 bias, cast so that BiasAdd, whose operands are of one type, stays well typed.
void QuantizeBias(Graph& graph, const LayerView& view) {
  if (!view.bias_add) return;
  const std::string scope = view.scope() + "/bias_quant";
  Node& bias = graph.AddConst(scope + "/bias", Tensor::Vector(view.QuantizedBias()));
  Node& cast = graph.Add(graph.UniqueName(scope + "/Cast"), "Cast", {bias.output()},
                         {{"SrcT", DType::kInt32}, {"DstT", DType::kFloat}});
  graph.SetInput(*view.bias_add, 1, cast.output());
}

std::vector<int64_t> DequantKernel(const Node& layer, const std::string& data_format) {
  if (layer.op() != "AvgPool") return {1, 1};
  const auto& ksize = layer.attr<std::vector<int64_t>>("ksize");
  const size_t first = data_format == "NCHW" ? 2 : 1;
  return {ksize.at(first), ksize.at(first + 1)};
}

Node& AddAscendDequant(Graph& graph, const LayerView& view) {
  std::vector<uint64_t> deq_scale;
  for (float scale_w : view.scale_w()) {
    // Bits 31..0: the scale's pattern; 39..32 shift N and 47..40 offset_w are 0.
    deq_scale.push_back(std::bit_cast<uint32_t>(scale_w * view.scale_d()));
  }
  const std::string scope = graph.UniqueName(view.scope() + "/dequant");
  const std::string data_format = view.layer.attr<std::string>("data_format", "NHWC");
  Node& scale = graph.AddConst(scope + "/deq_scale", Tensor::Vector(deq_scale));
  return graph.Add(graph.UniqueName(scope + "/AscendDequant"), "AscendDequant",
                   {view.tail().output(), scale.output()},
                   {{"T", DType::kFloat},
                    {"ksize", DequantKernel(view.layer, data_format)},
                    {"data_format", data_format},
                    {"sqrt_mode", false},
                    {"relu_flag", false},
                    {"dtype", 0}});
}

}  // namespace

Graph BuildQuantizedGraph(const Graph& prepared, const Record& record) {
  Graph graph = prepared.Clone();
  // Layers that read one tensor with the same factors share its AscendQuant.
  std::map<std::tuple<const Node*, int, float, int32_t, int>, Value> quants;
  for (const LayerView& view : QuantizedLayers(graph, record)) {
    ErrorScope scope("layer", view.layer.name());
    const Value data = view.data();
    Value& quant = quants[{data.node, data.index, view.scale_d(), view.zero_point(),
                           view.record.activation->spec.num_bits}];
    if (!quant.node) quant = AddAscendQuant(graph, view);
    graph.SetInput(view.layer, view.traits.data_input, quant);
    QuantizeWeights(graph, view);
    QuantizeBias(graph, view);
    Node& dequant = AddAscendDequant(graph, view);
    graph.ReplaceUses(view.tail().output(), dequant.output(), &dequant);
  }
  RestoreOutputNames(graph);
  graph.Prune();
  return graph;
}

}  // namespace adze
