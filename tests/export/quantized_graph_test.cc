#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "adze/export.h"
#include "adze/graph_def.h"
#include "export/five_layers.h"

namespace adze {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> DeqScales(const Node& dequant) {
  std::vector<float> scales;
  for (uint64_t packed : dequant.input(1).node->const_value().data<uint64_t>()) {
    EXPECT_EQ(packed >> 32, 0u);  // offset_w and shift_bit
    scales.push_back(std::bit_cast<float>(static_cast<uint32_t>(packed)));
  }
  return scales;
}

class QuantizedGraphTest : public ::testing::Test {
 protected:
  const Node& At(const std::string& name) {
    const Node* node = graph_.Find(name);
    if (!node) throw std::runtime_error("no node " + name + " in\n" + PrintGraphText(graph_));
    return *node;
  }

  Record record_ = FiveLayersRecord();
  Graph graph_ = BuildQuantizedGraph(ParseGraph(kFiveLayers), record_);
};

TEST_F(QuantizedGraphTest, ConvolutionReadsInt8AndIsScaledBehindItsBias) {
  const Node& quant = At("conv/act_quant/AscendQuant");
  EXPECT_EQ(quant.input(0).node->name(), "x");
  EXPECT_EQ(quant.attr<DType>("T"), DType::kFloat);
  EXPECT_EQ(quant.attr<int64_t>("quant_bits"), 8);
  EXPECT_EQ(quant.attr<float>("scale"), 128.0f);
  EXPECT_EQ(quant.attr<float>("offset"), 3.0f);

  const Node& conv = At("conv/Conv2D");
  EXPECT_EQ(conv.input(0).node, &quant);
  const Node& weight = At("conv/weight_quant/AscendWeightQuant");
  EXPECT_EQ(conv.input(1).node, &weight);
  EXPECT_EQ(weight.attr<DType>("dst_type"), DType::kInt8);
  const Tensor& q = weight.input(0).node->const_value();
  EXPECT_EQ(q.dtype(), DType::kInt8);
  EXPECT_EQ(q.shape(), (Shape{3, 3, 2, 4}));
  EXPECT_EQ(weight.input(1).node->const_value().num_elements(), 4);
  EXPECT_EQ(graph_.Find("conv/w"), nullptr);  // nobody reads the float weight

  const Node& bias_add = At("conv/BiasAdd");
  EXPECT_EQ(bias_add.input(1).node->op(), "Cast");
  const Node& bias = At("conv/bias_quant/bias");
  EXPECT_EQ(bias_add.input(1).node->input(0).node, &bias);
  EXPECT_EQ(bias.const_value().dtype(), DType::kInt32);

  const Node& dequant = At("conv/dequant/AscendDequant");
  EXPECT_EQ(dequant.input(0).node, &bias_add);
  EXPECT_EQ(At("conv/Relu").input(0).node, &dequant);
  EXPECT_EQ(dequant.attr<std::vector<int64_t>>("ksize"), (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(dequant.attr<std::string>("data_format"), "NHWC");
  EXPECT_FALSE(dequant.attr<bool>("relu_flag"));
  EXPECT_EQ(dequant.attr<int64_t>("dtype"), 0);
}

// 0.0078125 * 0.004 = 3.1e-5 is no normal float16, so the whole vector is kept as square roots.
TEST_F(QuantizedGraphTest, ScalesOutsideOfFloat16AreStoredAsRoots) {
  const Node& conv = At("conv/dequant/AscendDequant");
  EXPECT_TRUE(conv.attr<bool>("sqrt_mode"));
  const std::vector<float> roots = DeqScales(conv);
  const std::vector<float> scale_w = {1 / 127.f, 1 / 128.f, 0.004f, 1.f};
  ASSERT_EQ(roots.size(), 4u);
  for (int c = 0; c < 4; ++c) {
    const float scale = scale_w[c] * 0.0078125f;
    EXPECT_NEAR(roots[c] * roots[c], scale, scale * 2e-7) << c;
  }
  const Node& deconv = At("up/dequant/AscendDequant");
  EXPECT_FALSE(deconv.attr<bool>("sqrt_mode"));
  EXPECT_THAT(DeqScales(deconv), ElementsAre(.007f * .1f, .008f * .1f, .006f * .1f));
}

TEST_F(QuantizedGraphTest, OneReadingOfAValueIsQuantizedOnce) {
  // "side" has no scope: its own name is one.
  EXPECT_EQ(At("side").input(0).node->name(), "conv/act_quant/AscendQuant");
  EXPECT_EQ(graph_.Find("side/act_quant/AscendQuant"), nullptr);
  EXPECT_EQ(At("side").input(1).node->name(), "side/weight_quant/AscendWeightQuant");
  EXPECT_EQ(At("sum").input(1).node->name(), "side/dequant/AscendDequant");
  EXPECT_EQ(DeqScales(At("side/dequant/AscendDequant")).size(), 1u);
}

TEST_F(QuantizedGraphTest, DifferentFactorsOnOneValueAreNotShared) {
  record_.layers[1].activation->zero_point[0] = 4;
  const Graph graph = BuildQuantizedGraph(ParseGraph(kFiveLayers), record_);
  EXPECT_NE(graph.Find("side/act_quant/AscendQuant"), nullptr);
}

TEST_F(QuantizedGraphTest, TransposedConvolutionHasItsDataAtInputTwo) {
  const Node& deconv = At("up/deconv");
  EXPECT_EQ(deconv.input(0).node->name(), "up/sizes");
  EXPECT_EQ(deconv.input(1).node->name(), "up/weight_quant/AscendWeightQuant");
  EXPECT_EQ(deconv.input(2).node->name(), "up/act_quant/AscendQuant");
  EXPECT_EQ(At("up/act_quant/AscendQuant").input(0).node->name(), "dw/dequant/AscendDequant");
  // Channels lie on axis 2 of [2, 2, 3, 8].
  const Graph real = ParseGraph(kFiveLayers);
  const auto w = real.Find("up/w")->const_value().data<float>();
  const auto q = At("up/weight_quant/weight").const_value().data<int8_t>();
  const float scales[] = {.007f, .008f, .006f};
  for (size_t i = 0; i < w.size(); ++i) {
    const float expected = std::clamp(std::nearbyint(w[i] / scales[i / 8 % 3]), -128.f, 127.f);
    ASSERT_EQ(q[i], expected) << i;
  }
}

TEST_F(QuantizedGraphTest, DepthwiseChannelsAreInputTimesMultiplier) {
  const Graph real = ParseGraph(kFiveLayers);
  const auto w = real.Find("dw/w")->const_value().data<float>();
  const auto q = At("dw/weight_quant/weight").const_value().data<int8_t>();
  for (size_t i = 0; i < w.size(); ++i) {
    const float scale = record_.layers[2].weight->scale[i % 8];
    ASSERT_EQ(q[i], std::clamp(std::nearbyint(w[i] / scale), -128.f, 127.f)) << i;
  }
}

TEST_F(QuantizedGraphTest, PoolingKeepsItsKernelForTheDevice) {
  const Node& dequant = At("pool/dequant/AscendDequant");
  EXPECT_EQ(dequant.input(0).node->name(), "pool/AvgPool");
  EXPECT_EQ(dequant.attr<std::vector<int64_t>>("ksize"), (std::vector<int64_t>{3, 2}));
  EXPECT_THAT(DeqScales(dequant), ElementsAre(0.15f));
  EXPECT_EQ(At("flat").input(0).node, &dequant);
}

// The integers of 4 bits are stored as int8; dst_type, DT_INT4 of later TensorFlows, tells the
// device.
TEST_F(QuantizedGraphTest, WeightsOfFewerBits) {
  for (const int bits : {4, 6, 7}) {
    record_.layers[0].weight = Symmetric({.3f, .3f, .1f, .2f}, bits);
    graph_ = BuildQuantizedGraph(ParseGraph(kFiveLayers), record_);
    const Node& weight = At("conv/weight_quant/AscendWeightQuant");
    EXPECT_EQ(weight.attr<DType>("dst_type"), bits == 4 ? DType::kInt4 : DType::kInt8) << bits;
    const Tensor& q = weight.input(0).node->const_value();
    for (int8_t code : q.data<int8_t>()) {
      ASSERT_GE(code, QuantMin(bits));
      ASSERT_LE(code, QuantMax(bits));
    }
    EXPECT_EQ(At("side/weight_quant/AscendWeightQuant").attr<DType>("dst_type"), DType::kInt8);
    const Graph read = ParseGraphDef(SerializeGraphDef(graph_), Builtin<OpRegistry>());
    EXPECT_EQ(read.Find("conv/weight_quant/AscendWeightQuant")->attr<DType>("dst_type"),
              weight.attr<DType>("dst_type"));
  }
}

TEST_F(QuantizedGraphTest, WeightsHaveToLieOnTheCentresOfTheRecord) {
  const Graph real = ParseGraph(kFiveLayers);
  for (int i = 0; i < 16; ++i) record_.layers[5].cluster.push_back(16 * i - 120);
  try {
    BuildQuantizedGraph(real, record_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("layer 'fc/MatMul'"), HasSubstr("no centre")));
  }
}

TEST_F(QuantizedGraphTest, OutputsKeepTheirNames) {
  ASSERT_EQ(graph_.outputs().size(), 2u);
  const Node& output = At("fc/MatMul");
  EXPECT_EQ(graph_.outputs()[0].value.node, &output);
  EXPECT_EQ(output.op(), "Identity");
  EXPECT_EQ(output.input(0).node->name(), "fc/dequant/AscendDequant");
  EXPECT_EQ(At("fc/MatMul/quantized").op(), "MatMul");
  EXPECT_EQ(At("total").input(0).node->name(), "sum");
}

TEST_F(QuantizedGraphTest, TakenNamesGetANumber) {
  const Graph graph = BuildQuantizedGraph(
      ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [1, 4]}
      fc/act_quant = Relu(x) {T: f32}
      fc/dequant/mine = Relu(fc/act_quant) {T: f32}
      fc/w = Const {value: f32[4,2] random(1)}
      fc/MatMul = MatMul(fc/dequant/mine, fc/w) {T: f32}
      y = Relu(fc/MatMul) {T: f32}
      return y)"),
      {{{.name = "fc/MatMul", .activation = Asymmetric(1, 0), .weight = Symmetric({1})}}});
  EXPECT_NE(graph.Find("fc/act_quant_1/AscendQuant"), nullptr);
  EXPECT_NE(graph.Find("fc/dequant_1/AscendDequant"), nullptr);
  EXPECT_NE(graph.Find("fc/weight_quant/AscendWeightQuant"), nullptr);
}

TEST_F(QuantizedGraphTest, JsonMapsEachLayer) {
  const auto json = nlohmann::json::parse(QuantJson(graph_, record_));
  ASSERT_EQ(json.size(), 6u);
  EXPECT_EQ(json[0], nlohmann::json::parse(R"({
      "layer": "conv/Conv2D", "op": "Conv2D",
      "quantized_node": "conv/dequant/AscendDequant", "origin_node": "conv/BiasAdd",
      "quantized_nodes": ["conv/act_quant/AscendQuant", "conv/weight_quant/AscendWeightQuant",
                          "conv/Conv2D", "conv/BiasAdd", "conv/dequant/AscendDequant"],
      "origin_nodes": ["conv/Conv2D", "conv/BiasAdd"]})"));
  EXPECT_EQ(json[5]["origin_node"], "fc/MatMul");
  EXPECT_EQ(json[5]["quantized_nodes"][2], "fc/MatMul/quantized");
}

// A bias that somebody else reads past, or that is no constant, is added in float.
TEST(QuantizedGraph, BiasOfSeveralReadersStaysInFloat) {
  const Graph graph = BuildQuantizedGraph(
      ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [1, 4]}
      w = Const {value: f32[4,2] random(1)}
      b = Const {value: f32[2] random(2)}
      a/fc = MatMul(x, w) {T: f32}
      y = BiasAdd(a/fc, b) {T: f32}
      z = Relu(a/fc) {T: f32}
      return y, z)"),
      {{{.name = "a/fc", .activation = Asymmetric(1, 0), .weight = Symmetric({1})}}});
  EXPECT_EQ(graph.Find("y")->input(0).node->name(), "a/dequant/AscendDequant");
  EXPECT_EQ(graph.Find("y")->input(1).node->name(), "b");
  EXPECT_EQ(graph.Find("z")->input(0).node->name(), "a/dequant/AscendDequant");
}

}  // namespace
}  // namespace adze
