#include "engine/torch/batch_sharers.h"

#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <thread>

#include "adze/registry.h"
#include "engine/torch/torch_session.h"

namespace adze {
namespace {

constexpr int kThreads = 2;
constexpr int64_t kSamples = 6, kSize = 3, kChannels = 4;

// Two threads that meet at each sum.
class Meeting {
 public:
  void Sum(int index, at::Tensor values) {
    const at::NoGradGuard constant;
    brought_[index] = values.clone();
    barrier_.arrive_and_wait();
    values.copy_(brought_[0] + brought_[1]);
    barrier_.arrive_and_wait();
  }

 private:
  std::barrier<> barrier_{kThreads};
  std::array<at::Tensor, kThreads> brought_;
};

class Sharer : public BatchSharers {
 public:
  Sharer(Meeting* meeting, int index) : meeting_(meeting), index_(index) {}
  int size() const override { return kThreads; }
  void Sum(at::Tensor values) override { meeting_->Sum(index_, values); }

 private:
  Meeting* meeting_;
  int index_;
};

// x -> norm -> Relu -> norm, both in training.
Graph TwoNorms(const std::string& data_format) {
  Graph graph(Builtin<OpRegistry>());
  Value value =
      graph
          .Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{-1, -1, -1, -1}}})
          .output();
  for (const std::string name : {"a", "b"}) {
    std::vector<Value> inputs = {value};
    for (const char* constant : {"/gamma", "/beta", "/mean", "/variance"}) {
      Tensor values(DType::kFloat, {kChannels});
      for (int64_t i = 0; i < kChannels; ++i) {
        values.mutable_data<float>()[i] = 0.5f + 0.25f * static_cast<float>(i);
      }
      inputs.push_back(graph.AddConst(name + constant, values).output());
    }
    value = graph
                .Add(name, "FusedBatchNormV3", inputs,
                     {{"T", DType::kFloat},
                      {"U", DType::kFloat},
                      {"epsilon", 1e-3f},
                      {"data_format", data_format},
                      {"is_training", true}})
                .output();
    if (name == "a") value = graph.Add("relu", "Relu", {value}, {{"T", DType::kFloat}}).output();
  }
  graph.SetOutputs({GraphOutput{"y", value}});
  return graph;
}

struct Learned {
  std::vector<at::Tensor> outputs;    // y, then mean and variance of both
  at::Tensor dx;                      // of the mean of the samples' losses
  std::vector<at::Tensor> gradients;  // of gamma and beta of both
};

Learned Learn(const Graph& graph, const at::Tensor& samples, const at::Tensor& weights,
              BatchSharers* sharers) {
  const Node *a = graph.Find("a"), *b = graph.Find("b");
  TorchSession session(
      graph,
      {graph.outputs()[0].value, Value{graph.Find("a"), 1}, Value{graph.Find("a"), 2},
       Value{graph.Find("b"), 1}, Value{graph.Find("b"), 2}},
      {.sharers = sharers});
  std::vector<at::Tensor> variables;
  for (const Node* node : {a, b}) {
    for (int input : {1, 2}) variables.push_back(session.Variable(*node->input(input).node));
  }
  const at::Tensor x = samples.clone().set_requires_grad(true);
  Learned learned{.outputs = session.Run({{"x", x}})};
  ((learned.outputs[0] * weights).sum() / samples.size(0)).backward();
  learned.dx = x.grad();
  for (const at::Tensor& variable : variables) learned.gradients.push_back(variable.grad());
  return learned;
}

void ExpectEqual(const at::Tensor& a, const at::Tensor& b, const std::string& what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  EXPECT_LT((a - b).abs().max().item<double>(), 1e-5 * (1 + b.abs().max().item<double>())) << what;
}

// Images of the data format, of another mean each.
at::Tensor SamplesThatDiffer(const std::string& data_format) {
  const std::vector<int64_t> sizes = data_format == "NHWC"
                                         ? std::vector<int64_t>{kSamples, kSize, kSize, kChannels}
                                         : std::vector<int64_t>{kSamples, kChannels, kSize, kSize};
  return at::randn(sizes) * 2 + at::arange(kSamples).to(at::kFloat).reshape({-1, 1, 1, 1});
}

class BatchNormOfTwo : public testing::TestWithParam<const char*> {};

// Halves of a batch whose samples differ much, each on a thread: outputs are those of the whole,
// and the mean of the gradients is its gradient.
TEST_P(BatchNormOfTwo, IsThatOfTheWholeBatch) {
  at::manual_seed(1);
  const at::Tensor samples = SamplesThatDiffer(GetParam());
  const at::Tensor weights = at::randn(samples.sizes());
  const Learned whole = Learn(TwoNorms(GetParam()), samples, weights, nullptr);

  Meeting meeting;
  std::array<Learned, kThreads> parts;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const Graph graph = TwoNorms(GetParam());
      Sharer sharer(&meeting, i);
      const int64_t count = kSamples / kThreads;
      parts[i] = Learn(graph, samples.narrow(0, i * count, count),
                       weights.narrow(0, i * count, count), &sharer);
    });
  }
  for (std::thread& thread : threads) thread.join();

  const at::NoGradGuard constant;
  ExpectEqual(at::cat({parts[0].outputs[0], parts[1].outputs[0]}), whole.outputs[0], "y");
  for (size_t i = 1; i < whole.outputs.size(); ++i) {
    for (const Learned& part : parts) {
      ExpectEqual(part.outputs[i], whole.outputs[i], "statistics " + std::to_string(i));
    }
  }
  ExpectEqual(at::cat({parts[0].dx, parts[1].dx}) / kThreads, whole.dx, "dx");
  for (size_t i = 0; i < whole.gradients.size(); ++i) {
    ExpectEqual((parts[0].gradients[i] + parts[1].gradients[i]) / kThreads, whole.gradients[i],
                "gradient " + std::to_string(i));
  }
}

// dx, dscale and doffset of a FusedBatchNormGrad node that stands in the graph.
std::vector<at::Tensor> RunGradientNode(const std::string& data_format, const at::Tensor& dy,
                                        const at::Tensor& samples, BatchSharers* sharers) {
  Graph graph = TwoNorms(data_format);
  const Node* norm = graph.Find("a");
  const auto input = graph
                         .Add("dy", "Placeholder", {},
                              {{"dtype", DType::kFloat}, {"shape", Shape{-1, -1, -1, -1}}})
                         .output();
  Node& gradient = graph.Add("gradient", "FusedBatchNormGradV3",
                             {input, norm->input(0), norm->input(1), Value{graph.Find("a"), 3},
                              Value{graph.Find("a"), 4}, Value{graph.Find("a"), 5}},
                             {{"T", DType::kFloat},
                              {"U", DType::kFloat},
                              {"epsilon", 1e-3f},
                              {"data_format", data_format},
                              {"is_training", true}});
  TorchSession session(graph, {gradient.output(0), gradient.output(1), gradient.output(2)},
                       {.sharers = sharers});
  const at::NoGradGuard constant;
  return session.Run({{"x", samples}, {"dy", dy}});
}

// dx is that of the whole batch; the parts of dscale and doffset add up to the whole's.
TEST_P(BatchNormOfTwo, HasGradientNodesOfTheWholeBatch) {
  at::manual_seed(2);
  const at::Tensor samples = SamplesThatDiffer(GetParam());
  const at::Tensor dy = at::randn(samples.sizes());
  const std::vector<at::Tensor> whole = RunGradientNode(GetParam(), dy, samples, nullptr);

  Meeting meeting;
  std::array<std::vector<at::Tensor>, kThreads> parts;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Sharer sharer(&meeting, i);
      const int64_t count = kSamples / kThreads;
      parts[i] = RunGradientNode(GetParam(), dy.narrow(0, i * count, count),
                                 samples.narrow(0, i * count, count), &sharer);
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectEqual(at::cat({parts[0][0], parts[1][0]}), whole[0], "dx");
  ExpectEqual(parts[0][1] + parts[1][1], whole[1], "dscale");
  ExpectEqual(parts[0][2] + parts[1][2], whole[2], "doffset");
}

INSTANTIATE_TEST_SUITE_P(Layouts, BatchNormOfTwo, testing::Values("NHWC", "NCHW"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace adze
