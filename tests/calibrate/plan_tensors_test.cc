// Which tensors joint_quant and tensor_quantize quantize, and how.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "adze/calibrate.h"
#include "adze/graph_text.h"
#include "adze/op.h"
#include "adze/registry.h"

namespace adze {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Graph Parse(const std::string& text) { return ParseGraphText(text, Builtin<OpRegistry>()); }

// A skip path over a layer, one over no layer, and additions that are no skip paths.
const char* const kAdditions = R"(
    x = Placeholder {dtype: f32, shape: [?, 4, 4, 8]}
    w = Const {value: f32[1,1,8,8] random(1)}
    a = Conv2D(x, w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
    r = Relu(a) {T: f32}
    b = Conv2D(r, w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
    sum = AddV2(b, r) {T: f32}
    c = Conv2D(sum, w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
    tanh = Tanh(x) {T: f32}
    pool = MaxPool(sum) {T: f32, ksize: [1, 1, 1, 1], strides: [1, 1, 1, 1], padding: "SAME"}
    sum2 = Add(pool, c) {T: f32}
    half = Const {value: f32[] 0.5}
    shifted = AddV2(sum2, half) {T: f32}
    no_layer = AddV2(shifted, tanh) {T: f32}
    mean = Mean(c, axes) {T: f32, Tidx: i32, keep_dims: true}
    axes = Const {value: i32[2] [1, 2]}
    broadcast = AddV2(mean, c) {T: f32}
    return no_layer, broadcast
)";

std::vector<std::string> TensorsOf(const std::vector<PlannedLayer>& plan) {
  std::vector<std::string> names;
  for (const PlannedLayer& layer : plan) {
    if (!layer.is_layer()) names.push_back(layer.name());
  }
  return names;
}

Config ConfigOf(const Graph& graph, bool joint) {
  Config config = DefaultConfig(QuantizableLayers(graph));
  config.joint_quant = joint;
  return config;
}

TEST(PlanTensors, AddendsOfSkipPaths) {
  const Graph graph = Parse(kAdditions);
  EXPECT_THAT(TensorsOf(PlanLayers(graph, ConfigOf(graph, false))), ElementsAre());
  Config config = ConfigOf(graph, true);
  EXPECT_THAT(TensorsOf(PlanLayers(graph, config)),
              ElementsAre("sum:0", "sum:1", "sum2:0", "sum2:1"));
  // In the order of the graph, among the layers.
  std::vector<std::string> names;
  for (const PlannedLayer& layer : PlanLayers(graph, config)) names.push_back(layer.name());
  EXPECT_THAT(names, ElementsAre("a", "b", "sum:0", "sum:1", "c", "sum2:0", "sum2:1"));
  // A layer that stays in float is none.
  config.layers.at("c").quantize = false;
  EXPECT_THAT(TensorsOf(PlanLayers(graph, config)), ElementsAre("sum:0", "sum:1"));
}

TEST(PlanTensors, AreSkippedOnRequest) {
  const Graph graph = Parse(kAdditions);
  int skipped = 0;
  for (const PlannedLayer& layer : PlanLayers(graph, ConfigOf(graph, true), {"sum2"})) {
    skipped += !layer.skip_reason.empty();
    EXPECT_EQ(layer.skip_reason, layer.node->name() == "sum2" ? "skipped on request" : "");
  }
  EXPECT_EQ(skipped, 2);
  EXPECT_THROW(PlanLayers(graph, ConfigOf(graph, false), {"sum2"}), Error);
}

TEST(PlanTensors, AreCalibratedLikeTheLayersThatReadThem) {
  const Graph graph = Parse(kAdditions);
  Config config = ConfigOf(graph, true);
  config.layers.at("b").activation = {.algorithm = "min_max", .asymmetric = false};
  config.layers.at("c").activation = {.algorithm = "percentile"};
  for (const PlannedLayer& layer : PlanLayers(graph, config)) {
    const std::string name = layer.name();
    const std::string& algorithm = layer.config.activation.algorithm;
    if (name == "sum:0" || name == "sum:1") {  // b makes one and reads the other
      EXPECT_EQ(algorithm, "min_max") << name;
      EXPECT_FALSE(layer.config.activation.asymmetric);
    }
    if (name == "sum2:0") {  // c reads what the pool takes from
      EXPECT_EQ(algorithm, "percentile");
      EXPECT_EQ(layer.observed, graph.Find("sum")->output());
    }
  }
}

class Images : public Dataset {
 public:
  int64_t size() const override { return 3; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Tensor x(DType::kFloat, {end - begin, 4, 4, 8});
    for (int64_t i = 0; i < x.num_elements(); ++i) {
      x.mutable_data<float>()[i] = std::sin(static_cast<float>(begin * 128 + i));
    }
    return {{"x", x}};
  }
};

TEST(PlanTensors, ShareFactorsWithTheLayersThatReadThem) {
  const Graph graph = Parse(kAdditions);
  const std::vector<PlannedLayer> plan = PlanLayers(graph, ConfigOf(graph, true));
  const Record record = Calibrate(graph, plan, Images(), {});
  const auto factors = [&](const std::string& name) {
    const QuantParams& params = *record.Find(name)->activation;
    return std::pair(params.scale[0], params.zero_point[0]);
  };
  EXPECT_EQ(factors("sum:1"), factors("b"));
  EXPECT_EQ(factors("sum2:0"), factors("c"));
  EXPECT_NE(factors("sum:0"), factors("b"));
  EXPECT_FALSE(record.Find("sum:0")->weight);
  EXPECT_EQ(record.Find("sum:0")->op, "AddV2");
  // The layers' own factors are what they are without the addends.
  const Record strict = Calibrate(graph, PlanLayers(graph, ConfigOf(graph, false)), Images(), {});
  for (const LayerRecord& layer : strict.layers) {
    EXPECT_EQ(layer.activation->scale, record.Find(layer.name)->activation->scale);
  }
  // The record file has the addends under their keys, and reads back.
  const std::string text = SerializeRecord(record);
  EXPECT_THAT(text, HasSubstr("key: \"sum:1\""));
  EXPECT_EQ(SerializeRecord(ParseRecord(text)), text);
}

TEST(PlanTensors, TheConfigNamesAny) {
  const Graph graph = Parse(kAdditions);
  Config config = ConfigOf(graph, false);
  config.tensors = {{"sum2", 1, {.algorithm = "min_max"}}, {"pool", 0, {}}};
  EXPECT_THAT(TensorsOf(PlanLayers(graph, config)), ElementsAre("pool:0", "sum2:1"));
  // Its own settings count, also where joint_quant would have chosen others.
  config.joint_quant = true;
  const std::vector<PlannedLayer> plan = PlanLayers(graph, config);
  EXPECT_THAT(TensorsOf(plan), ElementsAre("sum:0", "sum:1", "pool:0", "sum2:1", "sum2:0"));
  for (const PlannedLayer& layer : plan) {
    if (layer.name() != "sum2:1") continue;
    EXPECT_EQ(layer.config.activation.algorithm, "min_max");
  }
}

TEST(PlanTensors, RefusesWhatCannotBeQuantized) {
  const Graph graph = Parse(kAdditions);
  const std::tuple<std::string, int, std::string> cases[] = {
      {"sun", 0, "there is no node 'sun' (did you mean 'sum'?)"},
      {"sum", 2, "the node has 2 inputs"},
      {"r", 0, "the node is a Relu; inputs of Add, AddV2 and MaxPool can be quantized"},
      {"shifted", 1, "it is constant"}};
  for (const auto& [node, input, says] : cases) {
    Config config = ConfigOf(graph, false);
    config.tensors = {{node, input}};
    try {
      PlanLayers(graph, config);
      ADD_FAILURE() << "accepted: " << says;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(says));
      EXPECT_THAT(error.what(), HasSubstr("tensor '" + node + ":" + std::to_string(input) + "'"));
    }
  }
}

}  // namespace
}  // namespace adze
