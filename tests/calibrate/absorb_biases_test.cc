#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "adze/calibrate.h"
#include "adze/graph_text.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "adze/session.h"

namespace adze {
namespace {

Tensor Uniform(Shape shape, uint32_t seed, float low, float high) {
  Tensor tensor(DType::kFloat, std::move(shape));
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  for (float& x : tensor.mutable_data<float>()) x = uniform(random);
  return tensor;
}

// x -> a (1x1) -> Relu6 -> b (1x1) -> Relu -> MaxPool -> c (3x3, VALID) -> Relu -> d (3x3, SAME).
// Half of the biases of a, b and c are high.
Graph MakeGraph() {
  Graph graph(Builtin<OpRegistry>());
  const AttrMap attrs = {{"T", DType::kFloat}};
  Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{-1, 8, 8, 4}}})
          .output();
  uint32_t seed = 1;
  const auto layer = [&](const std::string& name, int64_t kernel, int64_t outputs,
                         const std::string& padding, float high, const std::string& activation) {
    AttrMap all = attrs;
    all.insert_or_assign("strides", std::vector<int64_t>{1, 1, 1, 1});
    all.insert_or_assign("padding", padding);
    const Value w =
        graph.AddConst(name + "/w", Uniform({kernel, kernel, 4, outputs}, seed++, -0.2f, 0.2f))
            .output();
    Tensor bias = Uniform({outputs}, seed++, 0, 0.1f);
    for (int64_t c = 0; c < outputs; c += 2) bias.mutable_data<float>()[c] += high;
    const Value b = graph.AddConst(name + "/b", bias).output();
    x = graph.Add(name, "Conv2D", {x, w}, all).output();
    x = graph.Add(name + "/bias", "BiasAdd", {x, b}, attrs).output();
    if (!activation.empty()) x = graph.Add(name + "/act", activation, {x}, attrs).output();
  };
  layer("a", 1, 4, "SAME", 3, "Relu6");
  layer("b", 1, 4, "SAME", 4, "Relu");
  AttrMap pool = attrs;
  for (const char* key : {"ksize", "strides"}) {
    pool.insert_or_assign(key, std::vector<int64_t>{1, 2, 2, 1});
  }
  pool.insert_or_assign("padding", std::string("VALID"));
  x = graph.Add("pool", "MaxPool", {x}, pool).output();
  layer("c", 3, 4, "VALID", 20, "Relu");
  layer("d", 3, 2, "SAME", 0, "");
  graph.SetOutputs({GraphOutput{"y", x}});
  return graph;
}

class Images : public Dataset {
 public:
  int64_t size() const override { return 6; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Tensor images(DType::kFloat, {end - begin, 8, 8, 4});
    for (int64_t i = begin; i < end; ++i) {
      const Tensor one = Uniform({8, 8, 4}, static_cast<uint32_t>(i + 40), -1, 1);
      std::copy(one.data<float>().begin(), one.data<float>().end(),
                images.mutable_data<float>().begin() + (i - begin) * one.num_elements());
    }
    return {{"x", images}};
  }
};

std::vector<Tensor> ValuesOf(const Graph& graph, const std::vector<std::string>& readers) {
  std::vector<Value> values = {graph.outputs()[0].value};
  for (const std::string& reader : readers) values.push_back(graph.Find(reader)->input(0));
  return Session(graph, values).Run(Images().Read(0, 6));
}

TEST(AbsorbBiases, KeepsWhatTheGraphComputes) {
  const Graph before = MakeGraph();
  Graph after = before.Clone();
  // Not between c and d, whose windows hang over the edge.
  EXPECT_EQ(AbsorbBiases(after, {}, Images(), 6), 2);
  const std::vector<Tensor> real = ValuesOf(before, {"b", "c", "d"});
  const std::vector<Tensor> absorbed = ValuesOf(after, {"b", "c", "d"});
  for (int64_t i = 0; i < real[0].num_elements(); ++i) {
    EXPECT_NEAR(absorbed[0].data<float>()[i], real[0].data<float>()[i], 1e-4f);
  }
  const auto largest = [](const Tensor& tensor) {
    return *std::ranges::max_element(tensor.data<float>());
  };
  EXPECT_LT(largest(absorbed[1]), 0.6f * largest(real[1]));
  EXPECT_LT(largest(absorbed[2]), 0.6f * largest(real[2]));
  EXPECT_NEAR(largest(absorbed[3]), largest(real[3]), 1e-3f);
  for (const int read : {1, 2})
    EXPECT_EQ(*std::ranges::min_element(absorbed[read].data<float>()), 0);
}

TEST(AbsorbBiases, LeavesLowBiasesAlone) {
  Graph graph = MakeGraph();
  for (const char* layer : {"a/bias", "b/bias", "c/bias"}) {
    graph.SetConstInput(*graph.Find(layer), 1, Uniform({4}, 9, -2, -1));
  }
  const std::string before = PrintGraphText(graph);
  EXPECT_EQ(AbsorbBiases(graph, {}, Images(), 6), 0);
  EXPECT_EQ(PrintGraphText(graph), before);
}

TEST(AbsorbBiases, LeavesWhatOthersReadAlone) {
  Graph graph = MakeGraph();
  std::vector<GraphOutput> outputs = graph.outputs();
  outputs.push_back({"a/act", graph.Find("a/act")->output()});
  outputs.push_back({"pool", graph.Find("pool")->output()});
  graph.SetOutputs(outputs);
  EXPECT_EQ(AbsorbBiases(graph, {}, Images(), 6), 0);
}

}  // namespace
}  // namespace adze
