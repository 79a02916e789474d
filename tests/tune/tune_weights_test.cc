#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "adze/export.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/registry.h"
#include "adze/session.h"
#include "adze/tune.h"

namespace adze {
namespace {

Tensor Random(Shape shape, uint32_t seed, float low, float high) {
  Tensor tensor(DType::kFloat, std::move(shape));
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  for (float& x : tensor.mutable_data<float>()) x = uniform(random);
  return tensor;
}

// image -> Conv2D, stride 2 -> BiasAdd -> Relu -> DepthwiseConv2dNative, two filters a channel ->
// BiasAdd -> Relu -> Conv2D 1x1, no bias -> Conv2DBackpropInput, stride 2 -> BiasAdd.
Graph MakeGraph() {
  Graph graph(Builtin<OpRegistry>());
  const AttrMap attrs = {{"T", DType::kFloat}};
  const auto with_window = [&](int64_t stride) {
    AttrMap all = attrs;
    all.insert_or_assign("strides", std::vector<int64_t>{1, stride, stride, 1});
    all.insert_or_assign("padding", std::string("SAME"));
    return all;
  };
  const auto constant = [&](const std::string& name, Shape shape, uint32_t seed) {
    return graph.AddConst(name, Random(std::move(shape), seed, -0.5f, 0.5f)).output();
  };
  Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 9, 9, 3}}})
          .output();
  x = graph.Add("a", "Conv2D", {x, constant("wa", {3, 3, 3, 8}, 1)}, with_window(2)).output();
  x = graph.Add("a/bias", "BiasAdd", {x, constant("ba", {8}, 2)}, attrs).output();
  x = graph.Add("a/relu", "Relu", {x}, attrs).output();
  x = graph.Add("b", "DepthwiseConv2dNative", {x, constant("wb", {3, 3, 8, 2}, 3)}, with_window(1))
          .output();
  x = graph.Add("b/bias", "BiasAdd", {x, constant("bb", {16}, 4)}, attrs).output();
  x = graph.Add("b/relu", "Relu", {x}, attrs).output();
  x = graph.Add("c", "Conv2D", {x, constant("wc", {1, 1, 16, 5}, 5)}, with_window(1)).output();
  const Value size =
      graph.AddConst("size", Tensor::Vector(std::vector<int32_t>{1, 10, 10, 4})).output();
  x = graph
          .Add("d", "Conv2DBackpropInput", {size, constant("wd", {3, 3, 4, 5}, 6), x},
               with_window(2))
          .output();
  x = graph.Add("d/bias", "BiasAdd", {x, constant("bd", {4}, 7)}, attrs).output();
  graph.SetOutputs({GraphOutput{"d", x}});
  return graph;
}

// image -> stem (1x1) -> Relu -> two residual blocks of two 3x3 convolutions -> head (1x1).
Graph MakeResidualGraph() {
  Graph graph(Builtin<OpRegistry>());
  const AttrMap attrs = {{"T", DType::kFloat}};
  AttrMap conv = attrs;
  conv.insert_or_assign("strides", std::vector<int64_t>{1, 1, 1, 1});
  conv.insert_or_assign("padding", std::string("SAME"));
  uint32_t seed = 1;
  const auto layer = [&](const std::string& name, Value x, Shape shape) {
    const int64_t outputs = shape[3];
    const float range = shape[0] == 3 ? 0.2f : 0.5f;
    const Tensor weight = Random(std::move(shape), seed++, -range, range);
    x = graph.Add(name, "Conv2D", {x, graph.AddConst(name + "/w", weight).output()}, conv).output();
    const Tensor bias = Random({outputs}, seed++, -0.2f, 0.2f);
    return graph
        .Add(name + "/bias", "BiasAdd", {x, graph.AddConst(name + "/b", bias).output()}, attrs)
        .output();
  };
  const auto relu = [&](const std::string& name, Value x) {
    return graph.Add(name, "Relu", {x}, attrs).output();
  };
  Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 9, 9, 3}}})
          .output();
  x = relu("stem/relu", layer("stem", x, {1, 1, 3, 12}));
  for (const std::string block : {"one", "two"}) {
    const Value inner = relu(block + "/relu", layer(block + "/a", x, {3, 3, 12, 12}));
    const Value sum =
        graph.Add(block + "/add", "Add", {layer(block + "/b", inner, {3, 3, 12, 12}), x}, attrs)
            .output();
    x = relu(block + "/out", sum);
  }
  graph.SetOutputs({GraphOutput{"head", layer("head", x, {1, 1, 12, 6})}});
  return graph;
}

class Images : public Dataset {
 public:
  int64_t size() const override { return 24; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Tensor images(DType::kFloat, {end - begin, 9, 9, 3});
    for (int64_t i = begin; i < end; ++i) {
      const Tensor one = Random({9, 9, 3}, static_cast<uint32_t>(i + 10), 0, 1);
      std::copy(one.data<float>().begin(), one.data<float>().end(),
                images.mutable_data<float>().begin() + (i - begin) * one.num_elements());
    }
    return {{"x", images}};
  }
};

struct Calibrated {
  Graph graph;
  Images images;
  std::vector<PlannedLayer> plan;
  Record record;

  explicit Calibrated(const WeightConfig& weight, Graph model = MakeGraph())
      : graph(std::move(model)) {
    Config config = DefaultConfig(QuantizableLayers(graph));
    for (auto& [name, layer] : config.layers) layer.weight = weight;
    plan = PlanLayers(graph, config);
    record = Calibrate(graph, plan, images, {});
  }
  Graph Tune(TuneOptions options = {}) {
    return TuneWeights(graph, graph, &record, plan, images, options);
  }
};

// Mean over all images of something of two graphs' values.
template <typename Body>
double Mean(const Graph& a, Value value_a, const Graph& b, Value value_b, const Body& body) {
  Session session_a(a, {value_a}), session_b(b, {value_b});
  const Images images;
  double sum = 0, count = 0;
  for (int64_t i = 0; i < images.size(); ++i) {
    const auto feeds = images.Read(i, i + 1);
    const Tensor x = session_a.Run(feeds)[0], y = session_b.Run(feeds)[0];
    for (int64_t j = 0; j < x.num_elements(); ++j) {
      sum += body(double{x.data<float>()[j]}, double{y.data<float>()[j]});
      ++count;
    }
  }
  return sum / count;
}

double MeanSquare(const Graph& real, const Graph& simulated) {
  return Mean(real, real.outputs()[0].value, simulated, simulated.outputs()[0].value,
              [](double x, double y) { return (x - y) * (x - y); });
}

// How far the mean of what the first Relu reads is from that of the float graph.
double FirstMeanOff(const Graph& real, const Graph& simulated) {
  return std::abs(Mean(real, real.Find("a/relu")->input(0), simulated,
                       simulated.Find("a/relu")->input(0),
                       [](double x, double y) { return x - y; }));
}

TEST(TuneWeights, IsNearerToTheFloatGraph) {
  Calibrated c({.num_bits = 4, .rounding = "adaround", .bias_correction = true});
  const double nearest = MeanSquare(c.graph, BuildFakeQuantGraph(c.graph, c.record));
  const double tuned = MeanSquare(c.graph, BuildFakeQuantGraph(c.Tune(), c.record));
  EXPECT_LT(tuned, 0.7 * nearest);
}

// What the layers before lose is known to those behind, on the skip path too.
TEST(TuneWeights, InOrderIsNearerThanApart) {
  const WeightConfig weight = {.num_bits = 4, .rounding = "adaround", .bias_correction = true};
  Calibrated apart(weight, MakeResidualGraph()), in_order(weight, MakeResidualGraph());
  const double without =
      MeanSquare(apart.graph, BuildFakeQuantGraph(apart.Tune({.in_order = false}), apart.record));
  const Graph tuned = in_order.Tune({.in_order = true});
  const double with = MeanSquare(in_order.graph, BuildFakeQuantGraph(tuned, in_order.record));
  EXPECT_LT(with, 0.7 * without);
  const Node& layer = *tuned.Find("two/b");
  const QuantParams& params = *in_order.record.Find("two/b")->weight;
  const std::vector<int>& axes = layer.def()->quant->channel_axes;
  const Tensor& w = layer.input(1).node->const_value();
  const Tensor again = DequantizeWeight(QuantizeWeight(w, params, axes), axes);
  EXPECT_TRUE(std::ranges::equal(w.data<float>(), again.data<float>()));
}

TEST(TuneWeights, RoundsTransposedConvolutions) {
  Calibrated c({.num_bits = 4, .rounding = "adaround", .bias_correction = true});
  c.record.layers = {*c.record.Find("d")};
  const double nearest = MeanSquare(c.graph, BuildFakeQuantGraph(c.graph, c.record));
  EXPECT_LT(MeanSquare(c.graph, BuildFakeQuantGraph(c.Tune(), c.record)), 0.7 * nearest);
}

TEST(TuneWeights, FitsTheScalesOfFourBitsOnly) {
  for (int bits : {4, 8}) {
    Calibrated c({.num_bits = bits, .rounding = "adaround"});
    const Record before = c.record;
    c.Tune();
    for (const char* name : {"a", "b", "c", "d"}) {
      const QuantParams &was = *before.Find(name)->weight, &is = *c.record.Find(name)->weight;
      EXPECT_EQ(was.scale == is.scale, bits == 8) << name;
      EXPECT_TRUE(before.Find(name)->activation == c.record.Find(name)->activation);
    }
  }
}

TEST(TuneWeights, BiasCorrectionAloneKeepsTheWeights) {
  Calibrated c({.num_bits = 4, .bias_correction = true});
  const Graph tuned = c.Tune();
  EXPECT_TRUE(std::ranges::equal(tuned.Find("wa")->const_value().data<float>(),
                                 c.graph.Find("wa")->const_value().data<float>()));
  const double before = FirstMeanOff(c.graph, BuildFakeQuantGraph(c.graph, c.record));
  EXPECT_LT(FirstMeanOff(c.graph, BuildFakeQuantGraph(tuned, c.record)), 0.02 * before);
}

TEST(TuneWeights, TheChosenIntegersAreTheNearestOnes) {
  Calibrated c({.num_bits = 4, .rounding = "adaround"});
  const Graph tuned = c.Tune();
  for (const LayerRecord& layer : c.record.layers) {
    const Node& node = *tuned.Find(layer.name);
    const std::vector<int>& axes = node.def()->quant->channel_axes;
    const Tensor& weight = node.input(1).node->const_value();
    const Tensor again = DequantizeWeight(QuantizeWeight(weight, *layer.weight, axes), axes);
    EXPECT_TRUE(std::ranges::equal(weight.data<float>(), again.data<float>())) << layer.name;
  }
}

TEST(TuneWeights, DoesNotDependOnThreadsOrPasses) {
  for (int bits : {4, 8}) {
    const auto tune = [&](TuneOptions options) {
      Calibrated c({.num_bits = bits, .rounding = "adaround", .bias_correction = true});
      const Graph tuned = c.Tune(std::move(options));
      return SerializeGraphDef(tuned) + SerializeRecord(c.record);
    };
    const std::string once = tune({.in_order = false, .num_threads = 1});
    EXPECT_EQ(once, tune({.in_order = false, .num_threads = 2}));
    EXPECT_EQ(once, tune({.in_order = false, .num_threads = 3}));
    // Each layer has a pass of its own.
    EXPECT_EQ(once, tune({.in_order = false, .most_bytes = 1}));
    const std::string in_order = tune({.in_order = true, .num_threads = 1});
    EXPECT_NE(in_order, once);
    EXPECT_EQ(in_order, tune({.in_order = true, .num_threads = 3}));
    EXPECT_EQ(tune({}), bits < 8 ? in_order : once);
  }
  SetNumThreads(0);
}

TEST(TuneWeights, LeavesTheFloatGraphAlone) {
  Calibrated c({.rounding = "adaround", .bias_correction = true});
  const std::string before = SerializeGraphDef(c.graph);
  c.Tune();
  EXPECT_EQ(before, SerializeGraphDef(c.graph));
}

TEST(TuneWeights, NothingToDoChangesNothing) {
  Calibrated c({});
  EXPECT_FALSE(WantsTuning(c.plan));
  EXPECT_EQ(SerializeGraphDef(c.graph), SerializeGraphDef(c.Tune()));
}

}  // namespace
}  // namespace adze
