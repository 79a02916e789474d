#include "adze/calibrate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "adze/cancel.h"
#include "adze/op.h"
#include "adze/registry.h"

namespace adze {
namespace {

using ::testing::HasSubstr;

// x -> a (MatMul) -> Relu -> b (MatMul); c (MatMul) reads what b reads; d's weight is not constant.
Graph MakeGraph() {
  Graph graph(Builtin<OpRegistry>());
  Node& x = graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{-1, 4}}});
  const auto weight = [&](const std::string& name, float scale) {
    Tensor w(DType::kFloat, {4, 4});
    for (int i = 0; i < 16; ++i) w.mutable_data<float>()[i] = scale * static_cast<float>(i - 5);
    return graph.AddConst(name, w).output();
  };
  const AttrMap attrs = {{"T", DType::kFloat}};
  Node& a = graph.Add("a", "MatMul", {x.output(), weight("wa", 0.1f)}, attrs);
  Node& relu = graph.Add("relu", "Relu", {a.output()}, attrs);
  Node& b = graph.Add("b", "MatMul", {relu.output(), weight("wb", 0.2f)}, attrs);
  Node& c = graph.Add("c", "MatMul", {relu.output(), weight("wc", 0.3f)}, attrs);
  Node& computed = graph.Add("computed", "Relu", {weight("wd", 0.4f)}, attrs);
  Node& d = graph.Add("d", "MatMul", {b.output(), computed.output()}, attrs);
  graph.SetOutputs({GraphOutput{"c", c.output()}, GraphOutput{"d", d.output()}});
  return graph;
}

// Rows of four values; row 5 can be made bad.
class Rows : public Dataset {
 public:
  explicit Rows(int64_t count, float bad = 0) : count_(count), bad_(bad) {}
  int64_t size() const override { return count_; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Tensor rows(DType::kFloat, {end - begin, 4});
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < 4; ++i) {
        rows.mutable_data<float>()[(row - begin) * 4 + i] =
            row == 5 && bad_ != 0 && i == 2 ? bad_ : std::sin(static_cast<float>(row * 4 + i));
      }
    }
    return {{"x", rows}};
  }

 private:
  int64_t count_;
  float bad_;
};

Config MakeConfig(const Graph& graph) { return DefaultConfig(QuantizableLayers(graph)); }

std::string Refusal(const Graph& graph, const Dataset& data, const CalibrateOptions& options) {
  try {
    Calibrate(graph, PlanLayers(graph, MakeConfig(graph)), data, options);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

// b has d behind it. What is both first and last counts as between.
TEST(PlanLayers, EdgesAreTheFirstAndTheLastWithWeights) {
  Graph graph = MakeGraph();
  EXPECT_EQ(EdgeLayers(graph), (std::vector<std::string>{"a", "c", "d"}));
  Node& alone =
      graph.Add("alone", "MatMul", {graph.Find("x")->output(), graph.Find("wa")->output()},
                {{"T", DType::kFloat}});
  graph.SetOutputs(
      {GraphOutput{"d", graph.Find("d")->output()}, GraphOutput{"alone", alone.output()}});
  EXPECT_EQ(EdgeLayers(graph), (std::vector<std::string>{"a", "c", "d"}));
}

TEST(PlanLayers, SaysWhyALayerStaysInFloat) {
  const Graph graph = MakeGraph();
  Config config = MakeConfig(graph);
  EXPECT_EQ(config.layers.size(), 3);
  config.layers.at("b").quantize = false;
  config.layers.erase("c");
  const std::vector<PlannedLayer> plan = PlanLayers(graph, config, {"a"});
  ASSERT_EQ(plan.size(), 4);
  EXPECT_EQ(plan[0].node->name(), "a");
  EXPECT_THAT(plan[0].skip_reason, HasSubstr("skipped"));
  EXPECT_THAT(plan[1].skip_reason, HasSubstr("switched off"));
  EXPECT_THAT(plan[2].skip_reason, HasSubstr("not in the config"));
  EXPECT_EQ(plan[3].skip_reason, "weight 'computed' is not constant");
}

TEST(PlanLayers, RefusesToSkipWhatIsNoLayer) {
  const Graph graph = MakeGraph();
  try {
    PlanLayers(graph, MakeConfig(graph), {"relu"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_THAT(e.what(), HasSubstr("no layer 'relu'"));
  }
}

TEST(Calibrate, GivesTheFactorsOfWhatALayerReads) {
  const Graph graph = MakeGraph();
  Config config = MakeConfig(graph);
  for (auto& [name, layer] : config.layers) layer.activation.algorithm = "min_max";
  config.layers.at("c").activation.asymmetric = false;
  const Record record = Calibrate(graph, PlanLayers(graph, config), Rows(10), {.batch_size = 4});
  ASSERT_EQ(record.layers.size(), 4);
  float low = 0, high = 0, relu_high = 0;
  for (int row = 0; row < 10; ++row) {
    for (int column = 0; column < 4; ++column) {
      low = std::min(low, std::sin(static_cast<float>(row * 4 + column)));
      high = std::max(high, std::sin(static_cast<float>(row * 4 + column)));
      float sum = 0;
      for (int k = 0; k < 4; ++k) {
        sum += std::sin(static_cast<float>(row * 4 + k)) * 0.1f *
               static_cast<float>(k * 4 + column - 5);
      }
      relu_high = std::max(relu_high, sum);
    }
  }
  EXPECT_EQ(record.layers[0].activation, ParamsFromRange(low, high, {}));
  EXPECT_NEAR(record.Find("b")->activation->scale[0], relu_high / 255, 1e-6f);
  EXPECT_EQ(record.Find("b")->activation->zero_point[0], -128);
  EXPECT_NEAR(record.Find("c")->activation->scale[0], relu_high / 127, 1e-6f);
  EXPECT_EQ(record.Find("c")->activation->zero_point[0], 0);
  EXPECT_EQ(record.Find("a")->weight->scale[0], 0.1f * 10 / 127);
  EXPECT_EQ(record.layers[3].activation, std::nullopt);
  EXPECT_NE(record.layers[3].skip_reason, "");
}

TEST(Calibrate, DoesNotDependOnBatchesAndThreads) {
  const Graph graph = MakeGraph();
  const std::vector<PlannedLayer> plan = PlanLayers(graph, MakeConfig(graph));
  const std::string one = SerializeRecord(Calibrate(graph, plan, Rows(20), {.num_threads = 1}));
  for (const int64_t batch_size : {7, 20, 1000}) {
    const CalibrateOptions options = {.batch_size = batch_size, .num_threads = 2};
    EXPECT_EQ(SerializeRecord(Calibrate(graph, plan, Rows(20), options)), one) << batch_size;
  }
}

TEST(Calibrate, ShardsMergedInAnyOrderAreTheWhole) {
  const Graph graph = MakeGraph();
  const std::vector<PlannedLayer> plan = PlanLayers(graph, MakeConfig(graph));
  const std::string whole = SerializeRecord(Calibrate(graph, plan, Rows(20), {.num_samples = 17}));
  for (const int64_t count : {1, 2, 5}) {
    const auto collect = [&](int64_t index) {
      return CollectStatistics(graph, plan, Rows(20),
                               {.batch_size = 2, .num_samples = 17, .shard = {index, count}});
    };
    Statistics merged = collect(count - 1);
    for (int64_t i = 0; i < count - 1; ++i) merged.Merge(collect(i));
    EXPECT_EQ(merged.num_samples(), 17);
    EXPECT_EQ(SerializeRecord(FindFactors(plan, merged)), whole) << count;
  }
}

TEST(Calibrate, RefusesAShardWithoutSamples) {
  const Graph graph = MakeGraph();
  EXPECT_THAT(Refusal(graph, Rows(3), {.shard = {0, 5}}),
              HasSubstr("shard 0 of 5 is empty, there are only 3 samples"));
  EXPECT_THAT(Refusal(graph, Rows(3), {.shard = {2, 2}}), HasSubstr("there is no shard 2 of 2"));
}

TEST(Calibrate, FactorsNeedTheTensorsOfTheirLayers) {
  const Graph graph = MakeGraph();
  Config config = MakeConfig(graph);
  const Statistics some = CollectStatistics(graph, PlanLayers(graph, config, {"a"}), Rows(5), {});
  EXPECT_THAT(SerializeRecord(FindFactors(PlanLayers(graph, config, {"a", "b"}), some)),
              HasSubstr("key: \"c\""));
  try {
    FindFactors(PlanLayers(graph, config), some);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("layer 'a': the statistics do not have its input 'x'"));
  }
}

TEST(Calibrate, ObservesChannelsWhereThePlanAsks) {
  const Graph graph = MakeGraph();
  std::vector<PlannedLayer> plan = PlanLayers(graph, MakeConfig(graph));
  plan[0].observe_channels = true;
  const Statistics few = CollectStatistics(graph, plan, Rows(20), {.batch_size = 3});
  const Statistics one = CollectStatistics(graph, plan, Rows(20), {.batch_size = 20});
  ASSERT_EQ(few.taps.size(), 2u);
  EXPECT_TRUE(few.taps[1].channels.empty());
  EXPECT_EQ(few.taps[0].channels, one.taps[0].channels);
  double sum = 0;
  for (int row = 0; row < 20; ++row) sum += std::sin(static_cast<float>(row * 4 + 1));
  EXPECT_NEAR(few.taps[0].channels.Mean(1), sum / 20, 1e-12);
}

TEST(Calibrate, EachLayerHasItsWeightQuantizer) {
  Graph graph = MakeGraph();
  Config config = MakeConfig(graph);
  config.layers.at("a").weight = {.algorithm = "mse", .num_bits = 4};
  config.layers.at("b").weight = {.algorithm = "nuq", .num_steps = 16};
  const Record record = Calibrate(graph, PlanLayers(graph, config), Rows(8), {});
  const auto weight = [&](const char* name) { return graph.Find(name)->const_value(); };
  EXPECT_EQ(*record.Find("a")->weight,
            CalibrateWeight(weight("wa"), {}, config.layers.at("a").weight).params);
  EXPECT_EQ(record.Find("c")->weight, WeightParamsArq(weight("wc"), {}, 8));
  EXPECT_TRUE(record.Find("c")->cluster.empty());
  ASSERT_EQ(record.Find("b")->cluster.size(), 16u);

  const Tensor before = weight("wb").Clone(), others = weight("wc");
  MoveWeightsToCentres(graph, record);
  EXPECT_EQ(
      ToFloats(weight("wb")),
      ToFloats(MoveToCentres(before, {*record.Find("b")->weight, record.Find("b")->cluster}, {})));
  EXPECT_EQ(ToFloats(weight("wc")), ToFloats(others));
}

TEST(Calibrate, DoesNotDependOnHowThreadsShareTheWork) {
  const Graph graph = MakeGraph();
  std::vector<PlannedLayer> plan = PlanLayers(graph, MakeConfig(graph));
  plan[1].observe_channels = true;
  const auto collect = [&](CalibrateOptions options) {
    return SerializeStatistics(CollectStatistics(graph, plan, Rows(100), options));
  };
  const std::string one = collect({.num_threads = 1});
  for (const Parallelism parallelism :
       {Parallelism::kSamples, Parallelism::kOps, Parallelism::kMeasured}) {
    for (const int64_t batch_size : {1, 3, 6}) {
      EXPECT_EQ(collect({.batch_size = batch_size,
                         .num_threads = 3,
                         .parallelism = parallelism,
                         .measure_from_seconds = 0}),
                one)
          << batch_size;
    }
  }
}

TEST(Calibrate, GoesOnAfterACheckpoint) {
  const Graph graph = MakeGraph();
  const std::vector<PlannedLayer> plan = PlanLayers(graph, MakeConfig(graph));
  const std::string whole = SerializeStatistics(CollectStatistics(graph, plan, Rows(50), {}));
  std::vector<std::string> checkpoints;
  CalibrateOptions options = {.batch_size = 2, .num_threads = 2, .checkpoint_every = 15};
  options.checkpoint = [&](const Statistics& seen) {
    checkpoints.push_back(SerializeStatistics(seen));
  };
  EXPECT_EQ(SerializeStatistics(CollectStatistics(graph, plan, Rows(50), options)), whole);
  ASSERT_EQ(checkpoints.size(), 3u);
  for (const std::string& bytes : checkpoints) {
    const Statistics before = ParseStatistics(bytes);
    EXPECT_EQ(before.rest.end, 50);
    const CalibrateOptions rest = {.batch_size = 3, .resume = &before};
    EXPECT_EQ(SerializeStatistics(CollectStatistics(graph, plan, Rows(50), rest)), whole);
    EXPECT_THAT(Refusal(graph, Rows(51), rest), HasSubstr("is no checkpoint of samples 0 to 50"));
  }
}

// Whichever thread comes first.
TEST(Calibrate, NamesTheFirstBadSample) {
  const Graph graph = MakeGraph();
  class ManyBad : public Rows {
   public:
    ManyBad() : Rows(40, NAN) {}
    std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
      auto feeds = Rows::Read(begin, end);
      for (int64_t row = std::max<int64_t>(begin, 6); row < end; ++row) {
        feeds.at("x").mutable_data<float>()[(row - begin) * 4] = NAN;
      }
      return feeds;
    }
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Refusal(graph, ManyBad(), {.batch_size = 2, .num_threads = 4}),
                HasSubstr("NaN for sample 5;"));
  }
}

TEST(Calibrate, RunsTheBatchesAskedFor) {
  const Graph graph = MakeGraph();
  const std::vector<PlannedLayer> plan = PlanLayers(graph, MakeConfig(graph));
  std::vector<std::pair<int64_t, int64_t>> seen;
  const CalibrateOptions options = {
      .batch_size = 2, .num_samples = 6, .progress = [&](int64_t done, int64_t all) {
        seen.emplace_back(done, all);
      }};
  const Record some = Calibrate(graph, plan, Rows(100), options);
  EXPECT_THAT(seen,
              testing::ElementsAre(testing::Pair(1, 3), testing::Pair(2, 3), testing::Pair(3, 3)));
  EXPECT_EQ(SerializeRecord(some), SerializeRecord(Calibrate(graph, plan, Rows(6), {})));
}

TEST(Calibrate, RefusesDataThatIsTooLittle) {
  const Graph graph = MakeGraph();
  EXPECT_THAT(Refusal(graph, Rows(7), {.batch_size = 4, .num_samples = 12}),
              HasSubstr("has 7 samples, 12 are asked for"));
  EXPECT_THAT(Refusal(graph, Rows(0), {}), HasSubstr("no data"));
  EXPECT_THAT(Refusal(graph, Rows(1), {.batch_size = 0}), HasSubstr("batch_size is 0"));
}

TEST(Calibrate, NamesLayerAndSampleOfNanAndInf) {
  const Graph graph = MakeGraph();
  EXPECT_THAT(Refusal(graph, Rows(9, std::nanf("")), {.batch_size = 4}),
              AllOf(HasSubstr("layer 'a': its input holds NaN"), HasSubstr("for sample 5;")));
  EXPECT_THAT(Refusal(graph, Rows(9, -std::numeric_limits<float>::infinity()), {}),
              AllOf(HasSubstr("Inf"), HasSubstr("for sample 5;")));
}

TEST(Calibrate, RefusesAnUnknownCalibratorBeforeItRuns) {
  const Graph graph = MakeGraph();
  Config config = MakeConfig(graph);
  config.layers.at("b").activation.algorithm = "oracle";
  EXPECT_THROW(Calibrate(graph, PlanLayers(graph, config), Rows(0), {}), Error);
}

TEST(Calibrate, StopsWhenCancelled) {
  const Graph graph = MakeGraph();
  int64_t batches = 0;
  const CalibrateOptions options = {.progress = [&](int64_t done, int64_t) {
    batches = done;
    if (done == 3) RequestCancel();
  }};
  EXPECT_THAT(Refusal(graph, Rows(100), options), testing::Not("accepted"));
  EXPECT_EQ(batches, 3);
  ClearCancel();
}

}  // namespace
}  // namespace adze
