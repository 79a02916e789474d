// Deployable graphs run on integers: every value equals the simulation's, bit by bit.
#include "export/integer_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/dataset.h"
#include "adze/export.h"
#include "adze/integer.h"
#include "adze/pass.h"
#include "adze/reference.h"
#include "adze/verify.h"

namespace adze {
namespace {

// A layer of the given kind between a quantized input and a second layer, which reads its result
// quantized again: x -> layer -> bias -> activation -> 1x1 convolution.
struct Case {
  std::string name;
  std::string op = "Conv2D";
  Shape image = {1, 9, 7, 5};
  int64_t kernel_height = 3, kernel_width = 3,
          channels = 20;  // of the result; depthwise: multiplier
  int64_t stride = 1;
  std::string padding = "SAME", activation = "Relu";
  int64_t batch = 1;
  int32_t zero_point = -9, next_zero_point = -128;
  int threads = 1;
  int bits = 8;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

int64_t ChannelsOf(const Case& c) {
  return c.op == "DepthwiseConv2dNative" ? c.image[3] * c.channels : c.channels;
}

Graph GraphOf(const Case& c) {
  const std::string s = std::to_string(c.stride), in = std::to_string(c.image[3]);
  const std::string size = std::to_string(c.kernel_height) + "," + std::to_string(c.kernel_width);
  const std::string channels = std::to_string(c.channels), all = std::to_string(ChannelsOf(c));
  const std::string attrs =
      " {T: f32, strides: [1, " + s + ", " + s + ", 1], padding: \"" + c.padding + "\"}\n";
  std::string text = "x = Placeholder {dtype: f32, shape: " + WithBatch(c.image, -1).ToString() +
                     "}\n" + "b = Const {value: f32[" + all + "] random(2)}\n";
  if (c.op == "Conv2DBackpropInput") {
    const std::string sizes = std::to_string(c.batch) + ", " +
                              std::to_string(c.image[1] * c.stride) + ", " +
                              std::to_string(c.image[2] * c.stride) + ", " + channels;
    text += "w = Const {value: f32[" + size + "," + channels + "," + in + "] random(1)}\n" +
            "sizes = Const {value: i32[4] [" + sizes + "]}\n" +
            "layer = Conv2DBackpropInput(sizes, w, x)" + attrs;
  } else {
    text += "w = Const {value: f32[" + size + "," + in + "," + channels + "] random(1)}\n" +
            "layer = " + c.op + "(x, w)" + attrs;
  }
  text += "biased = BiasAdd(layer, b) {T: f32}\n";
  if (!c.activation.empty()) text += "act = " + c.activation + "(biased) {T: f32}\n";
  const std::string last = c.activation.empty() ? "biased" : "act";
  text += "v = Const {value: f32[1,1," + all + ",6] random(3)}\n" + "next = Conv2D(" + last +
          ", v) {T: f32, strides: [1, 1, 1, 1], padding: \"VALID\"}\nreturn next\n";
  const Graph graph = ParseGraph(text);
  const Record record{{LayerWith("layer", 1 / 120.f, c.zero_point, ChannelsOf(c), c.bits),
                       LayerWith("next", 0.023f, c.next_zero_point, 6)}};
  return BuildQuantizedGraph(graph, record);
}

class IntegerLayer : public ::testing::TestWithParam<Case> {};

TEST_P(IntegerLayer, EqualsItsSimulation) {
  const Case& c = GetParam();
  ExpectEqualToSimulation(GraphOf(c), RandomData(WithBatch(c.image, c.batch), 7, -1.3f, 1.2f),
                          c.threads);
}

const Shape kWide = {1, 6, 5, 72}, kFew = {1, 12, 11, 3};
INSTANTIATE_TEST_SUITE_P(
    All, IntegerLayer,
    ::testing::Values(
        Case{.name = "conv_same"}, Case{.name = "conv_valid", .padding = "VALID"},
        Case{.name = "conv_relu6", .activation = "Relu6"},
        Case{.name = "conv_no_activation", .activation = "", .next_zero_point = 11},
        Case{.name = "conv_relu_with_zero_point", .next_zero_point = -20},
        Case{.name = "conv_stride2", .stride = 2}, Case{.name = "conv_batch3", .batch = 3},
        Case{.name = "conv_two_threads", .image = kWide, .channels = 130, .batch = 2, .threads = 2},
        Case{.name = "conv_few_channels",
             .image = kFew,
             .kernel_height = 7,
             .kernel_width = 7,
             .channels = 64,
             .stride = 2},
        Case{.name = "conv_few_channels_valid",
             .image = kFew,
             .kernel_height = 5,
             .kernel_width = 2,
             .padding = "VALID",
             .batch = 2},
        Case{.name = "conv_one_channel", .image = {1, 8, 8, 1}, .channels = 17},
        Case{.name = "conv_1x1",
             .image = kWide,
             .kernel_height = 1,
             .kernel_width = 1,
             .channels = 64},
        Case{.name = "conv_1x1_stride2",
             .image = kWide,
             .kernel_height = 1,
             .kernel_width = 1,
             .channels = 81,
             .stride = 2},
        Case{.name = "conv_1x1_odd",
             .image = {1, 4, 4, 18},
             .kernel_height = 1,
             .kernel_width = 1,
             .channels = 33},
        Case{.name = "conv_wide", .image = kWide, .channels = 160},
        Case{.name = "conv_uneven_kernel",
             .image = kWide,
             .kernel_height = 1,
             .kernel_width = 4,
             .channels = 48,
             .zero_point = 127},
        Case{.name = "conv_lowest_zero_point", .zero_point = -128},
        Case{.name = "conv_4_bits", .zero_point = -3, .bits = 4},
        Case{
            .name = "depthwise_same", .op = "DepthwiseConv2dNative", .image = kWide, .channels = 1},
        Case{.name = "depthwise_valid",
             .op = "DepthwiseConv2dNative",
             .image = kWide,
             .channels = 1,
             .padding = "VALID",
             .activation = "Relu6"},
        Case{.name = "depthwise_stride2",
             .op = "DepthwiseConv2dNative",
             .image = {1, 9, 9, 130},
             .channels = 1,
             .stride = 2,
             .batch = 2},
        Case{.name = "depthwise_odd_rows",
             .op = "DepthwiseConv2dNative",
             .image = {1, 7, 9, 70},
             .channels = 1,
             .batch = 3,
             .zero_point = 12,
             .next_zero_point = 3,
             .threads = 2},
        Case{.name = "depthwise_one_column",
             .op = "DepthwiseConv2dNative",
             .image = {1, 6, 1, 64},
             .channels = 1},
        Case{.name = "depthwise_2x3",
             .op = "DepthwiseConv2dNative",
             .kernel_height = 2,
             .channels = 1,
             .activation = ""},
        Case{.name = "depthwise_4x3",
             .op = "DepthwiseConv2dNative",
             .image = kWide,
             .kernel_height = 4,
             .channels = 1},
        Case{.name = "depthwise_stride3",
             .op = "DepthwiseConv2dNative",
             .image = kWide,
             .channels = 1,
             .stride = 3},
        Case{.name = "depthwise_5x5",
             .op = "DepthwiseConv2dNative",
             .image = kWide,
             .kernel_height = 5,
             .kernel_width = 5,
             .channels = 1,
             .threads = 2},
        Case{.name = "depthwise_3x2",
             .op = "DepthwiseConv2dNative",
             .kernel_width = 2,
             .channels = 1,
             .activation = "",
             .next_zero_point = 3},
        Case{.name = "depthwise_multiplier", .op = "DepthwiseConv2dNative", .channels = 3},
        Case{.name = "deconv_2x2",
             .op = "Conv2DBackpropInput",
             .kernel_height = 2,
             .kernel_width = 2,
             .stride = 2},
        Case{.name = "deconv_4x4",
             .op = "Conv2DBackpropInput",
             .image = kWide,
             .kernel_height = 4,
             .kernel_width = 4,
             .channels = 70,
             .stride = 2,
             .batch = 2,
             .threads = 2},
        Case{.name = "deconv_3x3_stride1", .op = "Conv2DBackpropInput"},
        Case{.name = "deconv_narrow",
             .op = "Conv2DBackpropInput",
             .kernel_height = 2,
             .kernel_width = 2,
             .stride = 3,
             .activation = ""}),
    [](const auto& info) { return info.param.name; });

TEST(IntegerEngine, EqualsTheSimulationOfFiveLayers) {
  const Graph real = ParseGraph(kFiveLayers);
  for (const int64_t batch : {1, 2, 5}) {
    ExpectEqualToSimulation(BuildQuantizedGraph(real, FiveLayersRecord()),
                            RandomData({batch, 6, 6, 2}, 5));
  }
}

TEST(IntegerEngine, MatMulOfAnyNumberOfRows) {
  const Graph real = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [?, 50]}
      w = Const {value: f32[50,37] random(1)}
      b = Const {value: f32[37] random(2)}
      y = MatMul(x, w) {T: f32}
      z = BiasAdd(y, b) {T: f32}
      return z
  )");
  const Graph quantized = BuildQuantizedGraph(real, {{LayerWith("y", 0.01f, 12, 1)}});
  for (const int64_t rows : {1, 6, 33}) {
    ExpectEqualToSimulation(quantized, RandomData({rows, 50}, 3));
  }
}

// conv -> add of a real value -> Relu, whose result both a layer and the next addition read.
TEST(IntegerEngine, ResidualAdditionsStayReal) {
  const Graph real = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [?, 6, 6, 64]}
      w1 = Const {value: f32[1,1,64,64] random(1)}
      w2 = Const {value: f32[3,3,64,64] random(2)}
      w3 = Const {value: f32[1,1,64,40] random(3)}
      c1 = Conv2D(x, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      r1 = Relu(c1) {T: f32}
      c2 = Conv2D(r1, w2) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      sum = AddV2(x, c2) {T: f32}
      r2 = Relu6(sum) {T: f32}
      c3 = Conv2D(r2, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      sum2 = AddV2(c3, r2) {T: f32}
      c4 = Conv2D(sum2, w3) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      side = Conv2D(sum2, w3) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      both = Add(c4, side) {T: f32}
      return both, r2
  )");
  const Record record{{LayerWith("c1", 0.01f, 3, 64), LayerWith("c2", 0.02f, -128, 64),
                       LayerWith("c3", 0.0235f, -128, 64), LayerWith("c4", 0.1f, 9, 40),
                       LayerWith("side", 0.1f, 9, 40)}};
  const Graph quantized = BuildQuantizedGraph(real, record);
  for (const int threads : {1, 2}) {
    ExpectEqualToSimulation(quantized, RandomData({2, 6, 6, 64}, 3), threads);
  }
  // Nothing but integer layers is left: additions and activations are within them.
  const IntegerGraph lowered = LowerToIntegers(quantized);
  for (const Node* node : lowered.graph.nodes()) {
    EXPECT_THAT(node->op(), ::testing::AnyOf(::testing::StartsWith("Integer"), "Const",
                                             "Placeholder", "Identity"))
        << node->name();
  }
}

// Pad, MaxPool, Reshape and ConcatV2 between layers.
TEST(IntegerEngine, MovesDataAsIntegers) {
  const Graph real = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [?, 8, 8, 3]}
      around = Const {value: i32[4,2] [0, 0, 1, 2, 2, 1, 0, 0]}
      padded = Pad(x, around) {T: f32, Tpaddings: i32}
      w1 = Const {value: f32[3,3,3,20] random(1)}
      c1 = Conv2D(padded, w1) {T: f32, strides: [1, 1, 1, 1], padding: "VALID"}
      padded2 = Pad(c1, around) {T: f32, Tpaddings: i32}
      pool = MaxPool(padded2) {T: f32, ksize: [1, 3, 3, 1], strides: [1, 2, 2, 1], padding: "SAME"}
      w2 = Const {value: f32[1,1,20,20] random(2)}
      c2 = Conv2D(pool, w2) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      c3 = Conv2D(pool, w2) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      r3 = Relu(c3) {T: f32}
      axis = Const {value: i32[] 3}
      joined = ConcatV2(c2, r3, axis) {T: f32, Tidx: i32, N: 2}
      means = AvgPool(joined) {T: f32, ksize: [1, 2, 3, 1], strides: [1, 2, 2, 1], padding: "SAME"}
      flat_shape = Const {value: i32[2] [-1, 360]}
      flat = Reshape(means, flat_shape) {T: f32, Tshape: i32}
      w4 = Const {value: f32[360,7] random(4)}
      y = MatMul(flat, w4) {T: f32}
      return y
  )");
  const Record record{{LayerWith("c1", 0.01f, -30, 20), LayerWith("c2", 0.03f, 20, 20),
                       LayerWith("c3", 0.03f, 20, 20), LayerWith("means", 0.05f, 4, 0),
                       LayerWith("y", 0.04f, -5, 1)}};
  const Graph quantized = BuildQuantizedGraph(real, record);
  ExpectEqualToSimulation(quantized, RandomData({3, 8, 8, 3}, 3));
  int quantizers = 0;
  const IntegerGraph lowered = LowerToIntegers(quantized);
  for (const Node* node : lowered.graph.nodes()) {
    quantizers += node->op() == "IntegerQuantize";
    EXPECT_THAT(node->op(), ::testing::Not(::testing::AnyOf("MaxPool", "Pad", "AscendQuant")));
  }
  EXPECT_EQ(quantizers, 1);  // of the input; every other layer gives codes itself
}

// A deployable graph in NCHW, as other tools may write it: turned to NHWC it runs on integers, and
// gives what its own simulation gives.
TEST(IntegerEngine, ChannelsFirst) {
  const Graph real = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [?, 3, 8, 8]}
      w1 = Const {value: f32[3,3,3,20] random(1)}
      b1 = Const {value: f32[20] random(2)}
      c1 = Conv2D(x, w1) {T: f32, data_format: "NCHW", strides: [1, 1, 2, 2], padding: "SAME"}
      s1 = BiasAdd(c1, b1) {T: f32, data_format: "NCHW"}
      r1 = Relu(s1) {T: f32}
      pool = MaxPool(r1) {T: f32, data_format: "NCHW", ksize: [1, 1, 2, 2], strides: [1, 1, 2, 2], padding: "SAME"}
      w2 = Const {value: f32[3,3,20,1] random(3)}
      c2 = DepthwiseConv2dNative(pool, w2) {T: f32, data_format: "NCHW", strides: [1, 1, 1, 1], padding: "SAME"}
      sum = AddV2(c2, pool) {T: f32}
      mean = AvgPool(sum) {T: f32, data_format: "NCHW", ksize: [1, 1, 2, 2], strides: [1, 1, 2, 2], padding: "VALID"}
      return mean, r1
  )");
  const Record record{{LayerWith("c1", 0.01f, 3, 20),
                       LayerWith("c2", 0.02f, -128, 20),
                       {.name = "sum:0", .activation = Asymmetric(0.03f, 5)},
                       {.name = "sum:1", .activation = Asymmetric(0.02f, -128)},
                       LayerWith("mean", 0.04f, -20, 0)}};
  const Graph quantized = BuildQuantizedGraph(real, record);
  const Tensor x = RandomData({2, 3, 8, 8}, 9);
  std::vector<Value> fetches;
  for (const GraphOutput& output : quantized.outputs()) fetches.push_back(output.value);
  const std::vector<Tensor> expected = RunReference(quantized, {{"x", x}}, fetches);
  for (const LoweredLayer& layer : LowerToIntegers(quantized).layers) {
    EXPECT_EQ(layer.reason, "its data is not NHWC") << layer.name;
  }
  Graph turned = quantized.Clone();
  RunPasses(turned, {"make_channels_last"});
  ExpectEqualToSimulation(turned, x);
  const IntegerGraph lowered = LowerToIntegers(turned);
  const std::vector<Tensor> found = Session(lowered.graph).Run({{"x", x}});
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].shape(), expected[i].shape());
    EXPECT_EQ(ToFloats(found[i]), ToFloats(expected[i]));
  }
  int transposes = 0;
  for (const Node* node : lowered.graph.nodes()) transposes += node->op() == "Transpose";
  EXPECT_EQ(transposes, 3);  // of the input and the two outputs
}

TEST(IntegerEngine, LayersThatItCannotRunStaySimulated) {
  const Graph real = ParseGraph(kFiveLayers);
  Record record = FiveLayersRecord();
  record.layers[0].activation = Asymmetric(0.0001f, 3, 16);
  const Graph quantized = BuildQuantizedGraph(real, record);
  const IntegerGraph lowered = LowerToIntegers(quantized);
  int simulated = 0;
  for (const LoweredLayer& layer : lowered.layers) {
    simulated += !layer.reason.empty();
    EXPECT_EQ(layer.reason, layer.name == "conv/Conv2D" ? "its data has 16 bits" : "");
  }
  EXPECT_EQ(simulated, 1);
  const Tensor x = RandomData({2, 6, 6, 2}, 5);
  const auto expected = Session(quantized).Run({{"x", x}});
  const auto found = Session(lowered.graph).Run({{"x", x}});
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(ToFloats(found[i]), ToFloats(expected[i]));
  }
}

class InMemory : public Dataset {
 public:
  explicit InMemory(Tensor x) : x_(std::move(x)) {}
  int64_t size() const override { return x_.shape()[0]; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    return {{"x", x_.Rows(begin, end)}};
  }

 private:
  Tensor x_;
};

TEST(Verify, ComparesEveryLayer) {
  const Graph quantized = BuildQuantizedGraph(ParseGraph(kFiveLayers), FiveLayersRecord());
  const InMemory data(RandomData({5, 6, 6, 2}, 5));
  const std::string kept = "fc/act_quant/AscendQuant";
  const Verification result =
      Verify(quantized, LowerToIntegers(quantized), data, {.batch_size = 2, .kept = {kept}});
  EXPECT_TRUE(result.passes());
  EXPECT_EQ(result.samples, 5);
  EXPECT_EQ(result.differing(), 0);
  // x, sum, dw, up, pool: the data of the five quantizers.
  EXPECT_EQ(result.values(), 5 * (72 + 144 + 72 + 108 + 27));
  EXPECT_EQ(result.agreement, 1);
  EXPECT_EQ(result.kept.at(kept).dtype(), DType::kInt8);
  EXPECT_EQ(result.kept.at(kept).shape(), (Shape{2, 27}));
}

// Of any tensor, as the type that it stands for.
TEST(Verify, KeepsTensors) {
  const Graph quantized = BuildQuantizedGraph(ParseGraph(kFiveLayers), FiveLayersRecord());
  const InMemory data(RandomData({3, 6, 6, 2}, 5));
  const std::pair<std::string, DType> wanted[] = {
      {"conv/act_quant/AscendQuant", DType::kInt8},
      {"conv/weight_quant/AscendWeightQuant", DType::kInt8},
      {"conv/Conv2D", DType::kInt32},
      {"conv/BiasAdd", DType::kInt32},
      {"conv/dequant/AscendDequant", DType::kFloat},
      {"conv/Relu", DType::kFloat},
      {"pool/AvgPool", DType::kFloat},
      {"flat:0", DType::kFloat},
      {"flat/shape", DType::kInt32},
      {"x", DType::kFloat}};
  VerifyOptions options{.batch_size = 2};
  for (const auto& [name, type] : wanted) options.kept.push_back(name);
  const Verification result = Verify(quantized, LowerToIntegers(quantized), data, options);
  EXPECT_TRUE(result.passes());
  std::vector<Value> fetches;
  for (const auto& [name, type] : wanted) fetches.push_back(quantized.FindValue(name));
  const std::vector<Tensor> expected =
      Session(quantized, fetches).Run({{"x", data.Read(0, 2).at("x")}});
  for (size_t i = 0; i < fetches.size(); ++i) {
    const auto& [name, type] = wanted[i];
    const Tensor& kept = result.kept.at(name);
    EXPECT_EQ(kept.dtype(), type) << name;
    std::vector<float> floats = ToFloats(expected[i]);
    if (name == "conv/act_quant/AscendQuant") {
      for (float& value : floats) value += 3;  // its offset
    }
    EXPECT_EQ(ToFloats(kept), floats) << name;
  }
  for (const char* unknown : {"nothing", "conv/Relu:x"}) {
    EXPECT_THROW(Verify(quantized, LowerToIntegers(quantized), data, {.kept = {unknown}}), Error);
  }
}

// A layer whose bias is off by so much that the next layer's integers move by two.
TEST(Verify, NamesTheFirstDifference) {
  const Graph quantized = BuildQuantizedGraph(ParseGraph(kFiveLayers), FiveLayersRecord());
  const IntegerGraph lowered = LowerToIntegers(quantized);
  Node& layer = *lowered.graph.Find("dw/depthwise/integer");
  Node& bias = *layer.input(3).node;
  Tensor changed = bias.const_value().Clone();
  changed.mutable_data<int32_t>()[5] += 400;  // * 0.008 * 0.05 / 0.1 = 1.6 steps of the next layer
  bias.SetAttr("value", changed);
  const InMemory data(RandomData({2, 6, 6, 2}, 5));
  const Verification result = Verify(quantized, lowered, data, {.batch_size = 2});
  EXPECT_FALSE(result.passes());
  EXPECT_EQ(result.most_steps(), 2);
  for (const ValueCheck& check : result.checks) {
    // Only what that layer made: all others were fed the same integers.
    if (check.name != "up/act_quant/AscendQuant") {
      EXPECT_EQ(check.differing, 0) << check.name;
      continue;
    }
    EXPECT_EQ(check.layer, "dw/depthwise");
    EXPECT_EQ(check.differing, 2 * 9);
    EXPECT_EQ(check.first->index, (std::vector<int64_t>{0, 0, 0, 5}));
    EXPECT_GT(check.first->integer, check.first->simulated);
  }
  EXPECT_THROW(Verify(quantized, lowered, data, {.kept = {"nothing"}}), Error);
}

}  // namespace
}  // namespace adze
