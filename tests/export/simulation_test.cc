// The numbers of the exported graphs, run by the ops' own evaluation.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "adze/export.h"
#include "adze/reference.h"
#include "export/five_layers.h"

namespace adze {
namespace {

Tensor RandomImages() {
  std::mt19937 bits(5);
  std::vector<float> values(2 * 6 * 6 * 2);
  for (float& value : values) value = static_cast<float>(bits() >> 8) * 0x1p-23f - 1;
  return Tensor::From(Shape{2, 6, 6, 2}, values);
}

std::vector<Tensor> RunOutputs(const Graph& graph, const std::vector<std::string>& names) {
  std::vector<Value> fetches;
  for (const std::string& name : names) fetches.push_back(graph.FindValue(name));
  return RunReference(graph, {{"x", RandomImages()}}, fetches);
}

double LargestOf(const Tensor& tensor) {
  double largest = 0;
  for (float value : tensor.data<float>()) largest = std::max<double>(largest, std::abs(value));
  return largest;
}

void ExpectNear(const Tensor& a, const Tensor& b, double relative) {
  ASSERT_EQ(a.shape(), b.shape());
  const double most = relative * LargestOf(a);
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i], most) << i;
  }
}

// One layer quantized at a time, so that it reads the same tensor in both graphs. (With more of
// them, sums that differ in the last bit flip a rounding behind them now and then.)
TEST(Simulation, BothGraphsGiveTheSame) {
  const Graph real = ParseGraph(kFiveLayers);
  for (const LayerRecord& layer : FiveLayersRecord().layers) {
    SCOPED_TRACE(layer.name);
    const Record record{{layer}};
    const std::vector<std::string> outputs = {"total", "fc/MatMul"};
    const auto expected = RunOutputs(real, {"sum", "fc/MatMul"});
    const auto fake = RunOutputs(BuildFakeQuantGraph(real, record), outputs);
    const auto quantized = RunOutputs(BuildQuantizedGraph(real, record), outputs);
    for (size_t i = 0; i < outputs.size(); ++i) ExpectNear(fake[i], quantized[i], 1e-5);
    EXPECT_NE(ToFloats(fake[1]), ToFloats(expected[1]));
  }
}

TEST(Simulation, BothGraphsGiveTheSameWithWeightsOfFewerBits) {
  const Graph real = ParseGraph(kFiveLayers);
  for (const int bits : {4, 6, 7}) {
    Record record{{FiveLayersRecord().layers[0]}};
    record.layers[0].weight = Symmetric({.15f, .14f, .13f, .12f}, bits);
    const auto fake = RunOutputs(BuildFakeQuantGraph(real, record), {"total"});
    const auto quantized = RunOutputs(BuildQuantizedGraph(real, record), {"total"});
    ExpectNear(fake[0], quantized[0], 1e-5);
  }
}

// 16 bits change the values by about 2^-16 of their range: the graphs compute what the float graph
// does and not merely the same as each other.
TEST(Simulation, FineActivationsComeNearTheFloatGraph) {
  const Graph real = ParseGraph(kFiveLayers);
  Record record = FiveLayersRecord();
  const float weight_scale = 1 / 127.f;  // of weights in [-1, 1]
  for (LayerRecord& layer : record.layers) {
    const float range = layer.name == "conv/Conv2D" || layer.name == "side" ? 1 : 40;
    layer.activation = Asymmetric(range / 32000, -500, 16);
    if (layer.weight) layer.weight = Symmetric({weight_scale});
  }
  // Weights on the grid of their scale are not rounded.
  Graph on_grid = real.Clone();
  for (Node* node : on_grid.nodes()) {
    if (!node->IsConst() || !node->name().ends_with("w")) continue;
    Tensor weight = node->const_value().Clone();
    for (float& w : weight.mutable_data<float>()) w = std::nearbyint(w * 127) * weight_scale;
    node->SetAttr("value", weight);
  }
  const auto expected = RunOutputs(on_grid, {"sum", "fc/MatMul"});
  for (const Graph& graph :
       {BuildFakeQuantGraph(on_grid, record), BuildQuantizedGraph(on_grid, record)}) {
    const auto outputs = RunOutputs(graph, {"total", "fc/MatMul"});
    ExpectNear(expected[0], outputs[0], 1e-3);
    ExpectNear(expected[1], outputs[1], 1e-2);
  }
}

// 7 x 7 pixels of 1 in a window that pads: real zero is the code of the offset, so the border gets
// no contribution, whatever the offset.
TEST(Simulation, PaddingIsRealZero) {
  const Graph real = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [1, 3, 3, 1]}
      w = Const {value: f32[3,3,1,1] 1}
      c/conv = Conv2D(x, w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      return c/conv)");
  const Record record{{{.name = "c/conv",
                        .activation = Asymmetric(1 / 64.f, -100),
                        .weight = Symmetric({1 / 64.f})}}};
  const Tensor ones = Tensor::From(Shape{1, 3, 3, 1}, std::vector<float>(9, 1));
  for (const Graph& graph :
       {BuildFakeQuantGraph(real, record), BuildQuantizedGraph(real, record)}) {
    const Value output = graph.outputs()[0].value;
    const Tensor y = RunReference(graph, {{"x", ones}}, std::span(&output, 1))[0];
    EXPECT_EQ(y.data<float>()[0], 4);
    EXPECT_EQ(y.data<float>()[1], 6);
    EXPECT_EQ(y.data<float>()[4], 9);
  }
}

}  // namespace
}  // namespace adze
