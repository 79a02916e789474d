// The DMQ balancer on each kind of layer.
#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "adze/balance.h"
#include "adze/calibrate.h"
#include "adze/reference.h"
#include "adze/weight_channels.h"
#include "export/five_layers.h"

namespace adze {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Images of two channels whose ranges are 16 apart.
class Images : public Dataset {
 public:
  int64_t size() const override { return 5; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Tensor images(DType::kFloat, {end - begin, 6, 6, 2});
    for (int64_t i = 0; i < images.num_elements(); ++i) {
      const float value = std::sin(0.37f * static_cast<float>(begin * 72 + i));
      images.mutable_data<float>()[i] = i % 2 ? value : value * 16;
    }
    return {{"x", images}};
  }
};

std::vector<PlannedLayer> PlanAll(const Graph& graph, double strength) {
  Config config = DefaultConfig(QuantizableLayers(graph));
  for (auto& [name, layer] : config.layers) layer.migration_strength = strength;
  return PlanLayers(graph, config);
}

std::vector<Tensor> RunOutputs(const Graph& graph) {
  std::vector<Value> fetches;
  for (const GraphOutput& output : graph.outputs()) fetches.push_back(output.value);
  return RunReference(graph, Images().Read(0, 2), fetches);
}

TEST(BalanceLayers, LeavesTheResultAndBalancesEveryLayerWithAWeight) {
  Graph graph = ParseGraph(kFiveLayers);
  const Graph before = graph.Clone();
  std::vector<PlannedLayer> plan = PlanAll(graph, 0.5);
  EXPECT_TRUE(AsksForBalance(plan));
  EXPECT_THAT(BalanceLayers(graph, &plan, Images(), {.batch_size = 2}), IsEmpty());

  const std::vector<Tensor> want = RunOutputs(before), got = RunOutputs(graph);
  for (size_t i = 0; i < want.size(); ++i) {
    for (int64_t k = 0; k < want[i].num_elements(); ++k) {
      const float value = want[i].data<float>()[k];
      ASSERT_NEAR(got[i].data<float>()[k], value, 1e-5 * std::max(1.f, std::abs(value)));
    }
  }
  ASSERT_EQ(plan.size(), 6u);
  const size_t channels[] = {2, 2, 4, 8, 0, 27};  // conv, side, depthwise, transposed, pool, fc
  for (size_t i = 0; i < plan.size(); ++i) {
    EXPECT_EQ(plan[i].balance_factor.size(), channels[i]) << plan[i].node->name();
    if (channels[i] == 0) continue;
    const Node& node = *plan[i].node;
    const QuantTraits& traits = *node.def()->quant;
    const Node& mul = *node.input(traits.data_input).node;
    EXPECT_EQ(mul.op(), "Mul");
    for (size_t c = 0; c < channels[i]; ++c) {
      ASSERT_EQ(mul.input(1).node->const_value().data<float>()[c], 1 / plan[i].balance_factor[c]);
    }
    const Node& original = *before.Find(node.name());
    EXPECT_EQ(mul.input(0).node->name(), original.input(traits.data_input).node->name());
    EXPECT_EQ(ToFloats(node.input(*traits.weight_input).node->const_value()),
              ToFloats(ScaleInputChannels(original.input(*traits.weight_input).node->const_value(),
                                          {traits.channel_axes, traits.input_channel_axes},
                                          plan[i].balance_factor)));
  }
}

TEST(BalanceLayers, TakesTheLargestOfEachChannelOfAllTheData) {
  Graph graph = ParseGraph(kFiveLayers);
  const Tensor weight = graph.Find("side_w")->const_value();
  std::vector<PlannedLayer> plan = PlanAll(graph, 0.3);
  BalanceLayers(graph, &plan, Images(), {.batch_size = 1});
  std::vector<float> largest(2, 0);
  const Tensor all = Images().Read(0, 5).at("x");
  for (int64_t i = 0; i < all.num_elements(); ++i) {
    largest[i % 2] = std::max(largest[i % 2], std::abs(all.data<float>()[i]));
  }
  EXPECT_EQ(plan[1].balance_factor,
            BalanceFactors(largest, LargestOfInputChannels(weight, {{3}, {2}}, 2), 0.3));
}

TEST(BalanceLayers, TheRecordHasTheFactorsAndGivesTheSameGraph) {
  Graph graph = ParseGraph(kFiveLayers);
  const Graph before = graph.Clone();
  std::vector<PlannedLayer> plan = PlanAll(graph, 0.5);
  BalanceLayers(graph, &plan, Images(), {});
  const Record record = Calibrate(graph, plan, Images(), {});
  EXPECT_EQ(record.Find("side")->balance_factor, plan[1].balance_factor);
  EXPECT_TRUE(record.Find("pool/AvgPool")->balance_factor.empty());
  Graph again = before.Clone();
  ApplyBalance(again, record);
  EXPECT_EQ(PrintGraphText(again), PrintGraphText(graph));
}

TEST(BalanceLayers, LeavesSharedWeightsAndSaysSo) {
  Graph graph = ParseGraph(R"(
      x = Placeholder {dtype: f32, shape: [?, 6, 6, 2]}
      w = Const {value: f32[1,1,2,2] random(1)}
      a = Conv2D(x, w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      b = Conv2D(a, w) {T: f32, strides: [1, 1, 1, 1], padding: "SAME"}
      return b)");
  const std::string before = PrintGraphText(graph);
  std::vector<PlannedLayer> plan = PlanAll(graph, 0.5);
  EXPECT_THAT(BalanceLayers(graph, &plan, Images(), {}),
              ElementsAre(HasSubstr("layer 'a': not balanced, because it shares its weight 'w'"),
                          HasSubstr("layer 'b'")));
  EXPECT_EQ(PrintGraphText(graph), before);
  Record record{{{.name = "a", .balance_factor = {1, 2}}}};
  EXPECT_THROW(ApplyBalance(graph, record), Error);
}

TEST(BalanceLayers, DoesNothingUnlessAskedTo) {
  Graph graph = ParseGraph(kFiveLayers);
  std::vector<PlannedLayer> plan = PlanLayers(graph, DefaultConfig(QuantizableLayers(graph)));
  EXPECT_FALSE(AsksForBalance(plan));
  const std::string before = PrintGraphText(graph);
  BalanceLayers(graph, &plan, Images(), {});
  EXPECT_EQ(PrintGraphText(graph), before);
}

}  // namespace
}  // namespace adze
