// Additions of skip paths whose inputs are quantized too (joint quantization): the graphs, and that
// the integer engine gives what they simulate, bit by bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/dataset.h"
#include "adze/export.h"
#include "adze/reference.h"
#include "adze/verify.h"
#include "export/integer_engine.h"

namespace adze {
namespace {

using ::testing::HasSubstr;

LayerRecord TensorWith(const std::string& key, float scale, int32_t zero_point, int bits = 8) {
  return {.name = key, .activation = Asymmetric(scale, zero_point, bits)};
}

int CountOps(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const Node* node : graph.nodes()) count += node->op() == op;
  return count;
}

// x -> first -> Relu -> layer -> [before] -> Add <- skip (first's Relu), -> [after] -> last
struct Block {
  std::string name;
  std::string layer = "Conv2D(r, w2) {T: f32, strides: [1, 1, 1, 1], padding: \"SAME\"}";
  std::string weight = "f32[3,3,40,40] random(2)";
  std::string before = "", after = "Relu";
  int64_t channels = 40, scales = 40;
  int32_t own_zero_point = 7, skip_zero_point = -128, next_zero_point = -128;
  float own_scale = 0.03f;
  int own_bits = 8, skip_bits = 8;
  int threads = 1;
  int64_t batch = 2;
};
void PrintTo(const Block& block, std::ostream* out) { *out << block.name; }

Graph GraphOf(const Block& block) {
  const std::string c = std::to_string(block.channels);
  std::string text = R"(
      x = Placeholder {dtype: f32, shape: [?, 6, 5, 8]}
      w1 = Const {value: f32[1,1,8,)" +
                     c + R"(] random(1)}
      first = Conv2D(x, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      r = Relu(first) {T: f32}
      w2 = Const {value: )" +
                     block.weight + "}\n layer = " + block.layer + "\n";
  std::string own = "layer";
  if (!block.before.empty()) {
    text += "before = " + block.before + "(layer) {T: f32}\n";
    own = "before";
  }
  text += "sum = AddV2(" + own + ", r) {T: f32}\n";
  std::string last = "sum";
  if (!block.after.empty()) {
    text += "after = " + block.after + "(sum) {T: f32}\n";
    last = "after";
  }
  text += "w3 = Const {value: f32[1,1," + c + ",6] random(3)}\nlast = Conv2D(" + last +
          ", w3) {T: f32, strides: [1, 1, 1, 1], padding: \"SAME\"}\nreturn last\n";
  return ParseGraph(text);
}

Record RecordOf(const Block& block) {
  LayerRecord layer = LayerWith("layer", 0.02f, -128, block.scales);
  if (block.scales == 1) layer.weight = Symmetric({1 / 127.f});
  return {{LayerWith("first", 0.01f, 3, block.channels), std::move(layer),
           TensorWith("sum:0", block.own_scale, block.own_zero_point, block.own_bits),
           TensorWith("sum:1", 0.02f, block.skip_zero_point, block.skip_bits),
           LayerWith("last", 0.035f, block.next_zero_point, 6)}};
}

class JointBlock : public ::testing::TestWithParam<Block> {};

TEST_P(JointBlock, EqualsItsSimulation) {
  const Block& block = GetParam();
  const Graph quantized = BuildQuantizedGraph(GraphOf(block), RecordOf(block));
  ExpectEqualToSimulation(quantized, RandomData({block.batch, 6, 5, 8}, 7, -1.3f, 1.2f),
                          block.threads);
  // The skip path is codes; nothing of the addition is left, and no layer but the last gives reals.
  const IntegerGraph lowered = LowerToIntegers(quantized);
  for (const char* op : {"AddV2", "AscendQuant", "AscendAntiQuant", "Relu", "Relu6"}) {
    EXPECT_EQ(CountOps(lowered.graph, op), 0) << op;
  }
  int real = 0;
  for (const Node* node : lowered.graph.nodes()) real += node->attr<bool>("gives_real", false);
  EXPECT_EQ(real, 1);
  const bool shares = block.skip_zero_point == -128;
  EXPECT_EQ(CountOps(lowered.graph, "IntegerQuantize"), 1 + !shares);
}

const char* const kDepthwise =
    "DepthwiseConv2dNative(r, w2) {T: f32, strides: [1, 1, 1, 1], padding: \"SAME\"}";
INSTANTIATE_TEST_SUITE_P(
    All, JointBlock,
    ::testing::Values(
        Block{.name = "relu"}, Block{.name = "relu6", .after = "Relu6"},
        Block{.name = "no_activation", .after = "", .next_zero_point = -17},
        Block{.name = "relu_before", .before = "Relu", .own_zero_point = -128},
        Block{.name = "relu6_before", .before = "Relu6", .own_zero_point = -60},
        Block{.name = "relu_before_of_small_scale",
              .before = "Relu",
              .own_zero_point = -100,
              .own_scale = 0.002f},
        Block{.name = "relu6_before_relu6_behind",
              .before = "Relu6",
              .after = "Relu6",
              .own_zero_point = -128,
              .next_zero_point = -90,
              .own_scale = 0.05f},
        Block{.name = "relu_before_alone", .before = "Relu", .after = "", .next_zero_point = 0},
        Block{.name = "clipped", .own_scale = 0.001f},
        Block{.name = "of_4_bits", .own_zero_point = -1, .own_scale = 0.2f, .own_bits = 4},
        Block{.name = "wide", .own_scale = 1e-9f},
        Block{.name = "two_threads", .threads = 2, .batch = 5},
        Block{.name = "odd_channels",
              .layer = "Conv2D(r, w2) {T: f32, strides: [1, 1, 1, 1], padding: \"SAME\"}",
              .weight = "f32[1,1,131,131] random(2)",
              .channels = 131,
              .scales = 131,
              .threads = 2},
        Block{.name = "whole_vectors",
              .weight = "f32[1,1,64,64] random(2)",
              .channels = 64,
              .scales = 64},
        Block{.name = "depthwise",
              .layer = kDepthwise,
              .weight = "f32[3,3,72,1] random(2)",
              .channels = 72,
              .scales = 72},
        Block{.name = "depthwise_relu6",
              .layer = kDepthwise,
              .weight = "f32[3,3,72,1] random(2)",
              .before = "Relu6",
              .after = "",
              .channels = 72,
              .scales = 72,
              .own_zero_point = -128,
              .next_zero_point = 5,
              .threads = 2},
        Block{.name = "deconv",
              .layer = "Conv2DBackpropInput(sizes, w2, r) {T: f32, strides: [1, 1, 1, 1], padding: "
                       "\"SAME\"}",
              .weight = "f32[2,2,40,40] random(2)}\nsizes = Const {value: i32[4] [2, 6, 5, 40]"},
        Block{.name = "mean",
              .layer = "AvgPool(r) {T: f32, ksize: [1, 3, 3, 1], strides: [1, 1, 1, 1], padding: "
                       "\"SAME\"}",
              .scales = 0}),
    [](const auto& info) { return info.param.name; });

// A skip path whose zero point is not that of the layer that reads it: codes of its own.
TEST(Joint, SkipPathOfOtherFactorsThanTheLayers) {
  Block block{.name = "apart"};
  Record record = RecordOf(block);
  record.layers[3] = TensorWith("sum:1", 0.013f, -100);
  const Graph quantized = BuildQuantizedGraph(GraphOf(block), record);
  EXPECT_EQ(CountOps(quantized, "AscendQuant"), 5);
  ExpectEqualToSimulation(quantized, RandomData({2, 6, 5, 8}, 7));
}

TEST(Joint, SharesTheQuantizerOfTheLayerThatReadsTheSkipPath) {
  const Block block{.name = "shared"};
  const Graph quantized = BuildQuantizedGraph(GraphOf(block), RecordOf(block));
  EXPECT_EQ(CountOps(quantized, "AscendQuant"), 4);
  const Node& sum = *quantized.Find("sum");
  const Node &own = *sum.input(0).node, &skip = *sum.input(1).node;
  for (const Node* anti : {&own, &skip}) EXPECT_EQ(anti->op(), "AscendAntiQuant");
  EXPECT_EQ(own.name(), "sum/anti_quant/AscendAntiQuant");
  EXPECT_EQ(own.attr<float>("scale"), 0.03f);
  EXPECT_EQ(own.attr<float>("offset"), 7);
  EXPECT_EQ(own.input(0).node->attr<float>("scale"), 1 / 0.03f);
  EXPECT_EQ(skip.input(0).node->name(), "layer/act_quant/AscendQuant");
}

// The fake-quant graph gives the same numbers in TensorFlow's ops.
TEST(Joint, BothGraphsGiveTheSame) {
  const Block block{.name = "same", .own_scale = 0.07f};
  Record record = RecordOf(block);
  // Quantized addends alone: sums of layers in float32 depend on their order.
  std::erase_if(record.layers, [](const LayerRecord& l) { return !ParseTensorKey(l.name); });
  const Graph real = GraphOf(block);
  const Graph fake = BuildFakeQuantGraph(real, record);
  EXPECT_EQ(CountOps(fake, "Round"), 2);
  const Tensor x = RandomData({2, 6, 5, 8}, 7);
  const auto run = [&](const Graph& graph) {
    const std::vector<Value> fetches = {graph.Find("sum")->output()};
    return RunReference(graph, {{"x", x}}, fetches)[0];
  };
  const Tensor expected = run(BuildQuantizedGraph(real, record));
  EXPECT_EQ(ToFloats(run(fake)), ToFloats(expected));
  EXPECT_NE(ToFloats(run(real)), ToFloats(expected));
}

// A shortcut that is a layer itself, listed before and behind the other; the last of the two adds.
TEST(Joint, BothAddendsAreLayers) {
  for (const bool first : {true, false}) {
    const std::string shortcut =
        "short = Conv2D(x, w1) {T: f32, strides: [1, 1, 1, 1], padding: \"SAME\"}\n"
        "bent = Relu6(short) {T: f32}\n";
    const Graph real = ParseGraph(R"(
        x = Placeholder {dtype: f32, shape: [?, 6, 6, 16]}
        w1 = Const {value: f32[1,1,16,48] random(1)}
        w2 = Const {value: f32[3,3,16,48] random(2)}
        )" + std::string(first ? shortcut : "") +
                                  R"(
        c = Conv2D(x, w2) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
        )" + std::string(first ? "" : shortcut) +
                                  R"(
        sum = Add(bent, c) {T: f32}
        w3 = Const {value: f32[1,1,48,6] random(3)}
        y = Conv2D(sum, w3) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
        return y
    )");
    const Record record{{LayerWith("short", 0.01f, 3, 48), LayerWith("c", 0.01f, 3, 48),
                         TensorWith("sum:0", 0.02f, -120), TensorWith("sum:1", 0.04f, 2),
                         LayerWith("y", 0.05f, 9, 6)}};
    const Graph quantized = BuildQuantizedGraph(real, record);
    ExpectEqualToSimulation(quantized, RandomData({3, 6, 6, 16}, 3));
    const IntegerGraph lowered = LowerToIntegers(quantized);
    EXPECT_EQ(CountOps(lowered.graph, "Add"), 0);
    int adds = 0, real_results = 0;
    for (const Node* node : lowered.graph.nodes()) {
      adds += node->attr<bool>("has_residual", false);
      real_results += node->attr<bool>("gives_real", false);
    }
    EXPECT_EQ(adds, 1);
    EXPECT_EQ(real_results, 1);
    EXPECT_TRUE(lowered.codes.contains(first ? "sum/act_quant/AscendQuant"
                                             : "sum/act_quant_1/AscendQuant"));
  }
}

// Addends and sums that are outputs stay real there.
TEST(Joint, AddendsThatAreOutputs) {
  const Graph real = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [?, 6, 6, 32]}
      w1 = Const {value: f32[1,1,32,32] random(1)}
      w2 = Const {value: f32[3,3,32,32] random(2)}
      c1 = Conv2D(x, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      r1 = Relu(c1) {T: f32}
      c2 = Conv2D(r1, w2) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      sum = AddV2(c2, r1) {T: f32}
      c3 = Conv2D(sum, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      sum2 = AddV2(sum, c3) {T: f32}
      c4 = Conv2D(sum2, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      return c4, r1, c2, sum2
  )");
  const Record record{{LayerWith("c1", 0.01f, 3, 32), LayerWith("c2", 0.02f, -128, 32),
                       TensorWith("sum:0", 0.05f, 0), TensorWith("sum:1", 0.02f, -128),
                       LayerWith("c3", 0.05f, 10, 32), TensorWith("sum2:0", 0.05f, 10),
                       TensorWith("sum2:1", 0.05f, -4), LayerWith("c4", 0.05f, 9, 32)}};
  for (const int threads : {1, 2}) {
    ExpectEqualToSimulation(BuildQuantizedGraph(real, record), RandomData({2, 6, 6, 32}, 3),
                            threads);
  }
}

// Either addend alone may be quantized: the other is added in float32.
TEST(Joint, OneAddendAlone) {
  for (const int gone : {2, 3}) {
    const Block block{.name = "one", .after = "Relu6"};
    Record record = RecordOf(block);
    record.layers.erase(record.layers.begin() + gone);
    const Graph quantized = BuildQuantizedGraph(GraphOf(block), record);
    ExpectEqualToSimulation(quantized, RandomData({2, 6, 5, 8}, 7));
    EXPECT_EQ(CountOps(LowerToIntegers(quantized).graph, "AddV2"), 0);
  }
}

// 16 bits are no codes: such an addition stays in float32, and equal.
TEST(Joint, WideAddendsStaySimulated) {
  for (const bool own : {true, false}) {
    Block block{.name = "wide"};
    (own ? block.own_bits : block.skip_bits) = 16;
    const Graph quantized = BuildQuantizedGraph(GraphOf(block), RecordOf(block));
    ExpectEqualToSimulation(quantized, RandomData({2, 6, 5, 8}, 7));
  }
}

// A skip path through MaxPool: the pool takes the codes that the layer reads.
TEST(Joint, PooledSkipPath) {
  const Graph real = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [?, 6, 6, 32]}
      w1 = Const {value: f32[1,1,32,32] random(1)}
      w2 = Const {value: f32[3,3,32,32] random(2)}
      c1 = Conv2D(x, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      r1 = Relu(c1) {T: f32}
      c2 = Conv2D(r1, w2) {T: f32, strides: [1, 2, 2, 1], padding: "SAME"}
      p = MaxPool(r1) {T: f32, ksize: [1, 1, 1, 1], strides: [1, 2, 2, 1], padding: "SAME"}
      sum = AddV2(p, c2) {T: f32}
      r2 = Relu(sum) {T: f32}
      c3 = Conv2D(r2, w1) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      return c3
  )");
  const Record record{{LayerWith("c1", 0.01f, 3, 32), LayerWith("c2", 0.02f, -128, 32),
                       TensorWith("sum:0", 0.02f, -128), TensorWith("sum:1", 0.05f, 10),
                       LayerWith("c3", 0.05f, -128, 32)}};
  const Graph quantized = BuildQuantizedGraph(real, record);
  ExpectEqualToSimulation(quantized, RandomData({2, 6, 6, 32}, 3));
  const IntegerGraph lowered = LowerToIntegers(quantized);
  EXPECT_EQ(CountOps(lowered.graph, "IntegerQuantize"), 1);
  EXPECT_EQ(CountOps(lowered.graph, "IntegerMaxPool"), 1);
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

TEST(Joint, IsVerified) {
  const Block block{.name = "verified"};
  const Graph quantized = BuildQuantizedGraph(GraphOf(block), RecordOf(block));
  const InMemory data(RandomData({5, 6, 5, 8}, 5));
  const Verification result =
      Verify(quantized, LowerToIntegers(quantized), data, {.batch_size = 2});
  EXPECT_TRUE(result.passes());
  EXPECT_EQ(result.differing(), 0);
  // x, r, after; the layer's own addend exists within it alone.
  EXPECT_EQ(result.values(), 5 * 30 * (8 + 40 + 40));
}

TEST(Joint, RefusesTensorsThatThereAreNot) {
  const Graph real = GraphOf({.name = "refused"});
  const std::pair<LayerRecord, const char*> cases[] = {
      {TensorWith("sun:0", 1, 0), "no node 'sun' (did you mean 'sum'?)"},
      {TensorWith("sum:2", 1, 0), "the node has 2 inputs"},
      {TensorWith("r:0", 1, 0), "inputs of a Relu cannot be quantized on their own"},
      {TensorWith("first:1", 1, 0), "inputs of a Conv2D cannot be"},
      {TensorWith("sum:one", 1, 0), "the graph has no node of this name"},
      {TensorWith("sum:0", 0, 0), "scale 0 is outside"},
      {TensorWith("sum:0", 1, 300), "offset 300 of the activation"},
      {{.name = "sum:0", .activation = Asymmetric(1, 0), .weight = Symmetric({1})},
       "takes scale_d and offset_d alone"},
      {{.name = "sum:0", .weight = Symmetric({1})}, "takes scale_d and offset_d alone"}};
  for (const auto& [entry, says] : cases) {
    try {
      CheckRecord(real, {{entry}});
      ADD_FAILURE() << "accepted: " << says;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("layer '" + entry.name + "'"));
      EXPECT_THAT(error.what(), HasSubstr(says));
    }
  }
}

}  // namespace
}  // namespace adze
