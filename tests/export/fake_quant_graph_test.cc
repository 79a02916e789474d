#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "adze/export.h"
#include "export/five_layers.h"

namespace adze {
namespace {

float ScalarOf(const Node& node) { return node.input(1).node->const_value().data<float>()[0]; }

TEST(FakeQuantGraph, ChainStandsBeforeTheLayer) {
  const Graph graph = BuildFakeQuantGraph(ParseGraph(kFiveLayers), FiveLayersRecord());
  const char* const ops[] = {"Sub", "Maximum", "Minimum", "Add", "Round", "Mul"};
  const float operands[] = {3, -128, 127, 3, 0, 128};
  const Node* node = graph.Find("conv/Conv2D")->input(0).node;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(node->name(), std::string("conv/act_quant/") + ops[i]);
    EXPECT_EQ(node->op(), ops[i]);
    if (node->op() != "Round") {
      EXPECT_EQ(ScalarOf(*node), operands[i]) << ops[i];
    }
    node = node->input(0).node;
  }
  EXPECT_EQ(node->name(), "x");
  // Equal factors on the same value.
  EXPECT_EQ(graph.Find("side")->input(0), graph.Find("conv/Conv2D")->input(0));
}

TEST(FakeQuantGraph, UsesNoOpsButTensorFlows) {
  const Graph graph = BuildFakeQuantGraph(ParseGraph(kFiveLayers), FiveLayersRecord());
  for (const Node* node : graph.nodes()) EXPECT_FALSE(node->op().starts_with("Ascend"));
  // The dequantizing Mul is the layer's end now; an Identity keeps the output's name.
  EXPECT_EQ(graph.outputs()[0].value.node->op(), "Identity");
  EXPECT_EQ(graph.outputs()[0].value.node->input(0).node->op(), "Mul");
}

TEST(FakeQuantGraph, BitsSetTheRange) {
  Record record = FiveLayersRecord();
  record.layers[4].activation = Asymmetric(0.15f, -300, 10);
  const Graph graph = BuildFakeQuantGraph(ParseGraph(kFiveLayers), record);
  EXPECT_EQ(ScalarOf(*graph.Find("pool/act_quant/Minimum")), 511);
  EXPECT_EQ(ScalarOf(*graph.Find("pool/act_quant/Maximum")), -512);
}

TEST(FakeQuantGraph, WeightsAndBiasAreIntegersScaledBehindTheLayer) {
  const Record record = FiveLayersRecord();
  const Graph real = ParseGraph(kFiveLayers);
  const Graph graph = BuildFakeQuantGraph(real, record);
  const Tensor& weight = graph.Find("conv/Conv2D")->input(1).node->const_value();
  const std::vector<float>& scales = record.layers[0].weight->scale;
  std::set<float> of_last_channel;
  for (int64_t i = 0; i < weight.num_elements(); ++i) {
    const float w = real.Find("conv/w")->const_value().data<float>()[i], scale = scales[i % 4];
    const float q = std::clamp(std::nearbyint(w / scale), -128.f, 127.f);
    ASSERT_EQ(weight.data<float>()[i], q) << i;
    if (i % 4 == 3) of_last_channel.insert(q);
  }
  EXPECT_LE(of_last_channel.size(), 3u);  // scale 1: only -1, 0 and 1 are left
  const auto bias = graph.Find("conv/BiasAdd")->input(1).node->const_value().data<float>();
  const Tensor& dequant = graph.Find("conv/dequant/Mul")->input(1).node->const_value();
  for (int c = 0; c < 4; ++c) {
    const float b = real.Find("conv/b")->const_value().data<float>()[c];
    const float deq_scale = scales[c] * 0.0078125f;
    EXPECT_EQ(bias[c], std::nearbyint(b / deq_scale));
    EXPECT_EQ(dequant.data<float>()[c], deq_scale);
  }
}

TEST(FakeQuantGraph, LeavesTheSourceAsItWas) {
  const Graph real = ParseGraph(kFiveLayers);
  const std::string before = PrintGraphText(real);
  BuildFakeQuantGraph(real, FiveLayersRecord());
  BuildQuantizedGraph(real, FiveLayersRecord());
  EXPECT_EQ(PrintGraphText(real), before);
}

TEST(FakeQuantGraph, SharedWeightIsNotChangedForOtherReaders) {
  const Graph graph = BuildFakeQuantGraph(
      ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [1, 4]}
      w = Const {value: f32[4,4] random(1)}
      a/fc = MatMul(x, w) {T: f32}
      b/fc = MatMul(a/fc, w) {T: f32}
      return b/fc)"),
      {{{.name = "a/fc", .activation = Asymmetric(1, 0), .weight = Symmetric({0.5f})}}});
  EXPECT_EQ(graph.Find("a/fc")->input(1).node->name(), "a/weight_quant/weight");
  EXPECT_EQ(graph.Find("b/fc")->input(1).node->name(), "w");
}

}  // namespace
}  // namespace adze
