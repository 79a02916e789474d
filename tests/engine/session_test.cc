#include "adze/session.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "adze/parallel.h"
#include "support.h"

namespace adze {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Keeps a copy of every wanted value that it sees.
class Recorder : public Probe {
 public:
  explicit Recorder(std::function<bool(Value)> wants) : wants_(std::move(wants)) {}
  bool Wants(Value value) const override { return wants_(value); }
  void OnValue(Value value, const Tensor& tensor) override {
    EXPECT_TRUE(seen.emplace(ToString(value), tensor.Clone()).second) << "seen twice";
  }
  std::map<std::string, Tensor> seen;

 private:
  std::function<bool(Value)> wants_;
};

// A residual network with every kind of fusion: bias, residual sum, activations, Pad, an addend
// that is still read afterwards, a chain of scalar ops as fake quantization leaves it, reshapes.
struct Net : GraphBuilder {
  Net() {
    x = Input("x", {1, 16, 16, 3});
    const Value padded =
        Op("Pad", {x, Const(Tensor::From<int32_t>({4, 2}, {0, 0, 3, 3, 3, 3, 0, 0}))},
           {{"Tpaddings", DType::kInt32}});
    const Value stem = Op("Relu", {Bias(Conv(padded, {7, 7, 3, 16}, 2, "VALID"), 16)});
    const Value quantized = FakeQuant(stem);
    const Value left = Op("Relu6", {Bias(Conv(quantized, {3, 3, 16, 16}), 16)});
    const Value right = Bias(Conv(left, {1, 1, 16, 16}), 16);
    const Value sum = Op("Relu", {Op("AddV2", {right, stem})});
    // `sum` is an addend and is read again later: its memory may not be summed into.
    const Value again = Op("AddV2", {sum, Bias(Conv(sum, {3, 3, 16, 16}), 16)});
    const Value late = Op("Mul", {again, sum});
    const Value pooled =
        Op("MaxPool",
           {Op("Pad",
               {Op("Relu", {late}), Const(Tensor::From<int32_t>({4, 2}, {0, 0, 1, 1, 1, 1, 0, 0}))},
               {{"Tpaddings", DType::kInt32}})},
           {{"ksize", std::vector<int64_t>{1, 3, 3, 1}},
            {"strides", std::vector<int64_t>{1, 2, 2, 1}},
            {"padding", "VALID"}});
    const Value flat = Op("Reshape", {pooled, Const(Tensor::Vector<int32_t>({1, 256}))},
                          {{"Tshape", DType::kInt32}});
    logits = Bias(Op("MatMul", {flat, Weights({256, 10})}), 10);
    probabilities = Op("Softmax", {logits});
    graph.SetOutputs(std::vector<GraphOutput>{{"prob", probabilities}});
  }

  Value Bias(Value value, int64_t channels) { return Op("BiasAdd", {value, Weights({channels})}); }

  Value FakeQuant(Value value) {
    value = Op("Round", {Op("Mul", {value, Scalar(1 / 0.037f)})});
    value = Op("AddV2", {value, Scalar(-17)});
    value = Op("Minimum", {Op("Maximum", {value, Scalar(-128)}), Scalar(127)});
    return Op("Mul", {Op("Sub", {value, Scalar(-17)}), Scalar(0.037f)});
  }

  Value x, logits, probabilities;
};

TEST(Session, FusedEqualsTheReferenceAtEveryBatch) {
  for (int threads : {1, 2}) {
    Net net;
    Session session(net.graph, {}, nullptr, {.num_threads = threads});
    for (int64_t batch : {1, 3, 1, 2, 3}) {
      // The reference knows batch 1 only, as the graph says.
      const Tensor images = RandomTensor({batch, 16, 16, 3}, 100 + batch);
      const Tensor result = session.Run({{"x", images}})[0];
      ASSERT_EQ(result.shape(), (Shape{batch, 10}));
      for (int64_t i = 0; i < batch; ++i) {
        const auto expected = EvaluateAll(net.graph, {{"x", images.Rows(i, i + 1)}});
        EXPECT_LT(RelativeError(result.Rows(i, i + 1), expected.at("Softmax")), 1e-5);
      }
    }
  }
}

TEST(Session, ForksCompiledOnMoreThreadsRunOnTheirOwn) {
  Net net;
  const Feeds feeds = {{"x", RandomTensor({1, 16, 16, 3}, 9)}};
  Session plain(net.graph, {}, nullptr, {.num_threads = 1});
  Session fork = Session(net.graph).Fork(nullptr, {.num_threads = 1, .compiling_threads = 3});
  fork.Compile(feeds);
  EXPECT_EQ(NumThreads(), 1);
  const Tensor expected = plain.Run(feeds)[0], result = fork.Run(feeds)[0];
  EXPECT_TRUE(std::ranges::equal(expected.data<float>(), result.data<float>()));
}

TEST(Session, EveryProbedValueIsRightHoweverOthersFuse) {
  Net net;
  const Feeds feeds = {{"x", RandomTensor({1, 16, 16, 3}, 9)}};
  const auto expected = EvaluateAll(net.graph, feeds);
  // Each value alone, so that everything around it still fuses, and then all at once.
  std::vector<Node*> nodes = net.graph.nodes();
  nodes.push_back(nullptr);
  for (const Node* probed : nodes) {
    Recorder recorder([&](Value value) { return !probed || value.node == probed; });
    Session session(net.graph, {}, &recorder);
    session.Run(feeds);
    for (const auto& [name, tensor] : recorder.seen) {
      // Rounding may flip where sums differ in the last bit: one step of fake quantization.
      EXPECT_LT(RelativeError(tensor, expected.at(name)), 1e-5) << name;
    }
    if (probed) {
      ASSERT_EQ(recorder.seen.size(), 1u) << probed->name();
    } else {
      EXPECT_EQ(recorder.seen.size(), net.graph.size());
    }
  }
}

TEST(Session, ChainsOfScalarOpsGiveTheBitsOfOpByOpEvaluation) {
  GraphBuilder builder;
  const Value x = builder.Input("x", {3, 1000, 7});
  Value y = x;
  for (const char* op : {"Mul", "Round", "AddV2", "Maximum", "Minimum", "Sub", "RealDiv", "Relu6",
                         "SquaredDifference", "Neg", "Floor", "LeakyRelu", "Abs"}) {
    const bool unary =
        std::set<std::string>{"Round", "Relu6", "Neg", "Floor", "LeakyRelu", "Abs"}.count(op);
    y = unary ? builder.Op(op, {y}) : builder.Op(op, {y, builder.Scalar(0.7f)});
    y = builder.Op("Mul", {y, builder.Weights({7})});
    y = builder.Op("Sub", {builder.Scalar(2.5f), y});
  }
  Tensor input = RandomTensor({3, 1000, 7}, 3, -20, 20);
  const float special[] = {0.f, -0.f, INFINITY, -INFINITY, 0.5f, 1.5f, -0.5f, NAN, 1e-40f};
  std::copy(std::begin(special), std::end(special), input.mutable_data<float>().begin());
  const Tensor expected = EvaluateAll(builder.graph, {{"x", input}}).at(ToString(y));
  Session session(builder.graph, {y});
  const Tensor result = session.Run({{"x", input}})[0];
  for (int64_t i = 0; i < result.num_elements(); ++i) {
    const float a = result.data<float>()[i], b = expected.data<float>()[i];
    ASSERT_TRUE((std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, 4) == 0)
        << a << " is not " << b << " at " << i << ", from " << input.data<float>()[i];
  }
}

TEST(Session, InferenceBatchNormIsComputedInTheChain) {
  GraphBuilder builder;
  const Value x = builder.Input("x", {2, 4, 4, 5});
  const Value y = builder.Op("FusedBatchNormV3",
                             {x, builder.Weights({5}), builder.Weights({5}), builder.Weights({5}),
                              builder.Const(RandomTensor({5}, 77, 0.1f, 2))},
                             {{"is_training", false}, {"epsilon", 0.001f}, {"U", DType::kFloat}});
  const Value z = builder.Op("Relu", {y});
  const Feeds feeds = {{"x", RandomTensor({2, 4, 4, 5}, 5)}};
  Session session(builder.graph, {z});
  EXPECT_LT(RelativeError(session.Run(feeds)[0], EvaluateAll(builder.graph, feeds).at("Relu")),
            1e-6);
}

TEST(Session, FetchesAFeedAConstantAndTheSameValueTwice) {
  GraphBuilder builder;
  const Value x = builder.Input("x", {2});
  const Value c = builder.Const(Tensor::Vector<float>({1, 2}));
  const Value y = builder.Op("Relu", {x});
  const Value alias = builder.Op("Identity", {x});
  Session session(builder.graph, {x, c, y, y, alias});
  const Tensor feed = Tensor::Vector<float>({-1, 5});
  const std::vector<Tensor> results = session.Run({{"x:0", feed}});
  const std::vector<std::vector<float>> expected = {{-1, 5}, {1, 2}, {0, 5}, {0, 5}, {-1, 5}};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(ToFloats(results[i]), expected[i]);
  EXPECT_NE(results[0].raw(), feed.raw());
  EXPECT_NE(results[1].raw(), c.node->const_value().raw());
}

TEST(Session, EachBatchGivesItsOwnTensors) {
  GraphBuilder builder;
  const Value y = builder.Op("Relu", {builder.Input("x", {2})});
  Session session(builder.graph, {y});
  const Tensor first = session.Run({{"x", Tensor::Vector<float>({1, 2})}})[0];
  session.Run({{"x", Tensor::Vector<float>({3, 4})}});
  EXPECT_EQ(ToFloats(first), (std::vector<float>{1, 2}));
}

std::string FailureOf(const std::function<void()>& body, ErrorCode code) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(Session, NamesEveryMissingOpAtOnce) {
  GraphBuilder builder;
  const Value x = builder.Input("x", {2});
  const Value a = builder.Op("FancyOp", {x});
  const Value b = builder.Op("FancyOp", {a});
  const Value c = builder.Op("OtherOp", {b});
  builder.Op("NotNeeded", {x});
  EXPECT_THAT(FailureOf([&] { Session session(builder.graph, {c}); }, ErrorCode::kUnsupported),
              AllOf(HasSubstr("FancyOp (node 'FancyOp' and 1 more)"),
                    HasSubstr("OtherOp (node 'OtherOp')"), Not(HasSubstr("NotNeeded"))));
}

TEST(Session, RefusesWrongFeedsByName) {
  GraphBuilder builder;
  const Value y = builder.Op("AddV2", {builder.Input("a", {1, 4}), builder.Input("b", {1, 4})});
  Session session(builder.graph, {y});
  const Tensor good(DType::kFloat, {1, 4});
  const auto failure = [&](Feeds feeds) {
    return FailureOf([&] { session.Run(feeds); }, ErrorCode::kInvalidArgument);
  };
  EXPECT_THAT(failure({{"a", good}}), HasSubstr("input 'b' is not fed"));
  EXPECT_THAT(FailureOf(
                  [&] {
                    session.Compile({{"a", good}});
                  },
                  ErrorCode::kInvalidArgument),
              HasSubstr("input 'b' is not fed"));
  EXPECT_THAT(failure({{"a", good}, {"b", good}, {"c", good}}),
              AllOf(HasSubstr("feed 'c'"), HasSubstr("'a', 'b'")));
  EXPECT_THAT(failure({{"a", good}, {"a:0", good}, {"b", good}}), HasSubstr("given twice"));
  EXPECT_THAT(failure({{"a", good}, {"b", Tensor(DType::kInt32, {1, 4})}}),
              HasSubstr("feed 'b' is int32, the model takes float32"));
  EXPECT_THAT(failure({{"a", good}, {"b", Tensor(DType::kFloat, {1, 5})}}),
              AllOf(HasSubstr("feed 'b'"), HasSubstr("[1, 5]"), HasSubstr("[1, 4]")));
  EXPECT_THAT(failure({{"a", good}, {"b", Tensor(DType::kFloat, {4})}}), HasSubstr("feed 'b'"));
}

TEST(Session, FetchesStrings) {
  GraphBuilder net;
  net.Input("x", {2});
  const Value names = net.Const(Tensor::FromStrings({2}, {"cat", "a dog, longer than a pointer"}));
  net.graph.SetOutputs(std::vector<GraphOutput>{{"names", names}});
  const Tensor found = Session(net.graph).Run({{"x", RandomTensor({2}, 1)}})[0];
  EXPECT_THAT(found.strings(), testing::ElementsAre("cat", "a dog, longer than a pointer"));
}

}  // namespace
}  // namespace adze
