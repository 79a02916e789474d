#include "calibrate/output_errors.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/registry.h"
#include "adze/session.h"

namespace adze {
namespace {

Tensor Random(Shape shape, uint32_t seed, float mean) {
  Tensor tensor(DType::kFloat, std::move(shape));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(mean, 1);
  for (float& x : tensor.mutable_data<float>()) x = normal(random);
  return tensor;
}

// x -> Conv2D -> BiasAdd -> Relu -> DepthwiseConv2dNative -> BiasAdd -> Conv2DBackpropInput, stride
// 2; a Conv2D and an AvgPool read what the depthwise layer reads.
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
    return graph.AddConst(name, Random(std::move(shape), seed, 0)).output();
  };
  Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 6, 6, 3}}})
          .output();
  x = graph.Add("a", "Conv2D", {x, constant("wa", {3, 3, 3, 8}, 1)}, with_window(1)).output();
  x = graph.Add("a/bias", "BiasAdd", {x, constant("ba", {8}, 2)}, attrs).output();
  const Value shared = graph.Add("a/relu", "Relu", {x}, attrs).output();
  x = graph
          .Add("b", "DepthwiseConv2dNative", {shared, constant("wb", {3, 3, 8, 2}, 3)},
               with_window(1))
          .output();
  x = graph.Add("b/bias", "BiasAdd", {x, constant("bb", {16}, 4)}, attrs).output();
  const Value size =
      graph.AddConst("size", Tensor::Vector(std::vector<int32_t>{1, 12, 12, 4})).output();
  x = graph
          .Add("c", "Conv2DBackpropInput", {size, constant("wc", {3, 3, 4, 16}, 5), x},
               with_window(2))
          .output();
  const Value d =
      graph.Add("d", "Conv2D", {shared, constant("wd", {1, 1, 8, 5}, 6)}, with_window(1)).output();
  AttrMap pool = with_window(2);
  pool.insert_or_assign("ksize", std::vector<int64_t>{1, 2, 2, 1});
  const Value p = graph.Add("p", "AvgPool", {shared}, pool).output();
  graph.SetOutputs({GraphOutput{"c", x}, GraphOutput{"d", d}, GraphOutput{"p", p}});
  return graph;
}

class Images : public Dataset {
 public:
  int64_t size() const override { return 12; }  // all positions count
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    Tensor images(DType::kFloat, {end - begin, 6, 6, 3});
    for (int64_t i = begin; i < end; ++i) {
      const Tensor one = Random({6, 6, 3}, static_cast<uint32_t>(i + 10), 0.3f);
      std::copy(one.data<float>().begin(), one.data<float>().end(),
                images.mutable_data<float>().begin() + (i - begin) * one.num_elements());
    }
    return {{"x", images}};
  }
};

struct Model {
  Graph graph = MakeGraph();
  Images images;
  std::vector<PlannedLayer> plan;

  explicit Model(const std::string& calibrator, int bits = 4, bool bias_correction = false) {
    Config config = DefaultConfig(QuantizableLayers(graph));
    for (auto& [name, layer] : config.layers) {
      layer.activation = {.algorithm = calibrator, .num_bits = bits};
      layer.weight.bias_correction = bias_correction;
    }
    plan = PlanLayers(graph, config);
  }
  Record Calibrate(CalibrateOptions options = {}) const {
    return adze::Calibrate(graph, plan, images, options);
  }
  const PlannedLayer& Layer(const std::string& name) const {
    return *std::find_if(plan.begin(), plan.end(),
                         [&](const PlannedLayer& layer) { return layer.node->name() == name; });
  }
};

// As it is defined: runs the op on the data of all images and on the same quantized.
double LiteralError(const Model& model, const std::string& layer, const QuantParams& params,
                    bool without_means) {
  SetNumThreads(1);
  const Node& node = *model.graph.Find(layer);
  const int data_input = node.def()->quant->data_input;
  Session session(model.graph, {node.input(data_input)});
  double signal = 0, error = 0, count = 0;
  std::vector<double> means;
  for (int64_t i = 0; i < model.images.size(); ++i) {
    const Tensor data = session.Run(model.images.Read(i, i + 1))[0];
    Tensor simulated = data.Clone();
    FakeQuantize(data.data<float>(), params.scale[0], params.zero_point[0], params.spec.num_bits,
                 simulated.mutable_data<float>());
    std::vector<Tensor> outputs;
    for (const Tensor& fed : {data, simulated}) {
      std::vector<Tensor> inputs;
      std::vector<TensorSpec> specs;
      std::vector<const Tensor*> constants;
      for (int k = 0; k < node.num_inputs(); ++k) {
        inputs.push_back(k == data_input ? fed : node.input(k).node->const_value());
      }
      for (const Tensor& input : inputs) {
        specs.push_back({input.dtype(), input.shape()});
        constants.push_back(&input);
      }
      outputs.emplace_back(DType::kFloat, node.def()->infer({node, specs, constants})[0].shape);
      node.def()->evaluate(node, inputs, std::span(&outputs.back(), 1));
    }
    const int64_t channels = outputs[0].shape()[3];
    means.resize(channels);
    for (int64_t j = 0; j < outputs[0].num_elements(); ++j) {
      const double real = outputs[0].data<float>()[j], off = real - outputs[1].data<float>()[j];
      signal += real * real;
      error += off * off;
      means[j % channels] += off;
    }
    count += static_cast<double>(outputs[0].num_elements()) / static_cast<double>(channels);
  }
  for (const double mean : means) error -= without_means ? mean * mean / count : 0;
  return error / signal;
}

std::vector<QuantParams> SomeParams() {
  std::vector<QuantParams> params;
  for (const float max : {1.0f, 2.5f, 6.0f, 9.0f}) {
    params.push_back(ParamsFromRange(-max / 2, max, {.num_bits = 4}));
  }
  return params;
}

TEST(OutputErrors, AreThoseOfTheOps) {
  for (const bool corrected : {false, true}) {
    const Model model("ifmr", 4, corrected);
    const std::vector<OutputQuestion> questions = {
        {{&model.Layer("a")}, SomeParams()},
        {{&model.Layer("c")}, SomeParams()},
        {{&model.Layer("b"), &model.Layer("d"), &model.Layer("p")}, SomeParams()},
        {{&model.Layer("p")}, SomeParams()}};
    const auto errors = OutputErrors(questions, {model.graph, model.images});
    ASSERT_EQ(errors.size(), 4);
    for (size_t c = 0; c < 4; ++c) {
      const QuantParams params = SomeParams()[c];
      const double a = LiteralError(model, "a", params, corrected);
      EXPECT_NEAR(errors[0][c], a, 1e-4 * a);
      const double of_c = LiteralError(model, "c", params, false);  // no bias to correct
      EXPECT_NEAR(errors[1][c], of_c, 1e-4 * of_c);
      const double both =
          LiteralError(model, "b", params, corrected) + LiteralError(model, "d", params, false);
      EXPECT_NEAR(errors[2][c], both, 1e-4 * both);
    }
    EXPECT_THAT(errors[3], testing::IsEmpty());
  }
}

TEST(OutputMse, TakesTheLeastErrorOfItsCandidates) {
  const Model model("output_mse");
  const Record record = model.Calibrate(), ifmr = Model("ifmr").Calibrate();
  const Statistics statistics = CollectStatistics(model.graph, model.plan, model.images, {});
  const auto sum = [&](const std::vector<std::string>& layers, const QuantParams& params) {
    double error = 0;
    for (const std::string& layer : layers) error += LiteralError(model, layer, params, false);
    return error;
  };
  bool gains = false;
  for (const std::vector<std::string>& layers :
       std::vector<std::vector<std::string>>{{"a"}, {"b", "d"}, {"c"}}) {
    const PlannedLayer& layer = model.Layer(layers[0]);
    const Value data = layer.node->input(layer.node->def()->quant->data_input);
    const auto candidates =
        CandidatesFor(statistics.Find(ToString(data))->histogram, layer.config.activation);
    EXPECT_GT(candidates.size(), 30);
    const double chosen = sum(layers, *record.Find(layers[0])->activation);
    for (const QuantParams& candidate : candidates) {
      EXPECT_LE(chosen, sum(layers, candidate) * (1 + 1e-4));
    }
    const double of_ifmr = sum(layers, *ifmr.Find(layers[0])->activation);
    EXPECT_LE(chosen, of_ifmr * (1 + 1e-4));
    gains |= chosen < 0.99 * of_ifmr;
    for (const std::string& other : layers) {
      EXPECT_EQ(record.Find(other)->activation, record.Find(layers[0])->activation);
    }
  }
  EXPECT_TRUE(gains);
}

TEST(Auto, IsNoWorseThanAnyOther) {
  const Model model("auto");
  const Record record = model.Calibrate();
  for (const auto& [name, calibrator] : Builtin<CalibratorRegistry>().all()) {
    const Record other = Model(name).Calibrate();
    for (const char* layer : {"a", "c"}) {
      EXPECT_LE(LiteralError(model, layer, *record.Find(layer)->activation, false),
                LiteralError(model, layer, *other.Find(layer)->activation, false) * (1 + 1e-4))
          << name << ' ' << layer;
    }
  }
}

TEST(OutputErrors, DoNotDependOnThreadsOrBatches) {
  for (const char* calibrator : {"output_mse", "auto"}) {
    const Model model(calibrator, 8, true);
    const std::string once = SerializeRecord(model.Calibrate({.num_threads = 1}));
    for (const int threads : {2, 3}) {
      EXPECT_EQ(once, SerializeRecord(model.Calibrate({.num_threads = threads})));
    }
    for (const int64_t batch : {3, 8, 32}) {
      EXPECT_EQ(once, SerializeRecord(model.Calibrate({.batch_size = batch})));
    }
    // Statistics in parts, the outputs on all the data.
    Statistics merged = CollectStatistics(model.graph, model.plan, model.images,
                                          {.shard = {.index = 2, .count = 3}});
    for (const int64_t index : {0, 1}) {
      merged.Merge(CollectStatistics(model.graph, model.plan, model.images,
                                     {.shard = {.index = index, .count = 3}}));
    }
    const OutputData outputs{model.graph, model.images};
    EXPECT_EQ(once, SerializeRecord(FindFactors(model.plan, merged, &outputs)));
  }
  SetNumThreads(0);
}

TEST(OutputErrors, NeedData) {
  const Model model("auto");
  const Statistics statistics = CollectStatistics(model.graph, model.plan, model.images, {});
  try {
    FindFactors(model.plan, statistics);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(e.what(), testing::HasSubstr("layer 'a': calibrator auto compares outputs"));
  }
}

}  // namespace
}  // namespace adze
