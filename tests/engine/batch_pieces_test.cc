// A batch that is run in pieces, on several threads, gives what its rows give one by one; a graph
// whose rows meet is run as a whole.
#include <cstring>

#include "adze/session.h"
#include "support.h"

namespace adze {
namespace {

// Each row is larger than a core's cache, so that a batch is run row by row.
constexpr int64_t kSide = 160;

struct PiecesNet : GraphBuilder {
  explicit PiecesNet(std::vector<int32_t> mean_axes) {
    const Value x = Input("x", {1, kSide, kSide, 3});
    const Value stem = Op("Relu", {Conv(x, {3, 3, 3, 16})});
    const Value next = Op("AddV2", {Op("Relu6", {Conv(stem, {3, 3, 16, 16})}), stem});
    const Value mean = Op("Mean", {next, Const(Tensor::Vector<int32_t>(mean_axes))},
                          {{"Tidx", DType::kInt32}, {"keep_dims", true}});
    graph.SetOutputs(std::vector<GraphOutput>{{"y", Op("Sub", {next, mean})}});
  }
};

std::vector<float> RunModel(const Graph& graph, const Tensor& x, int threads) {
  return ToFloats(Session(graph, {}, nullptr, {.num_threads = threads}).Run({{"x", x}})[0]);
}

TEST(BatchPieces, EqualTheRowsOneByOne) {
  const PiecesNet net({1, 2});
  const Tensor x = RandomTensor({6, kSide, kSide, 3}, 1);
  std::vector<float> rows;
  for (int64_t i = 0; i < 6; ++i) {
    const std::vector<float> row = RunModel(net.graph, x.Rows(i, i + 1), 1);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  EXPECT_TRUE(Session(net.graph).KeepsRowsApart({{"x", x}}));
  for (int threads : {1, 2, 3}) {
    EXPECT_EQ(RunModel(net.graph, x, threads), rows) << threads << " threads";
  }
}

// The last layers' weights outweigh their data: they are run for several rows at once. Two values
// cross from the rows' own part to theirs.
TEST(BatchPieces, HeavyWeightsAreReadOnceForSeveralRows) {
  GraphBuilder net;
  const Value x = net.Input("x", {1, kSide, kSide, 3});
  const Value axes = net.Const(Tensor::Vector<int32_t>({1, 2}));
  const Value stem = net.Op("Relu", {net.Conv(x, {3, 3, 3, 16})});
  const Value next = net.Op("Relu6", {net.Conv(stem, {3, 3, 16, 32})});
  const Value small = net.Op("AvgPool", {next},
                             {{"ksize", std::vector<int64_t>{1, 40, 40, 1}},
                              {"strides", std::vector<int64_t>{1, 40, 40, 1}},
                              {"padding", std::string("VALID")}});
  const Value large = net.Op("Mean", {stem, axes}, {{"Tidx", DType::kInt32}});
  const Value heavy = net.Op("Relu", {net.Conv(small, {3, 3, 32, 2048})});
  const Value mean = net.Op("Mean", {heavy, axes}, {{"Tidx", DType::kInt32}});
  const Value first = net.Op("MatMul", {mean, net.Weights({2048, 10})});
  const Value second = net.Op("MatMul", {large, net.Weights({16, 10})});
  net.graph.SetOutputs(
      std::vector<GraphOutput>{{"y", net.Op("AddV2", {first, second})}, {"large", large}});
  const Tensor batch = RandomTensor({7, kSide, kSide, 3}, 1);
  for (int threads : {1, 2}) {
    Session session(net.graph, {}, nullptr, {.num_threads = threads});
    const std::vector<Tensor> found = session.Run({{"x", batch}});
    for (int64_t i = 0; i < 7; ++i) {
      const std::vector<Tensor> row = session.Run({{"x", batch.Rows(i, i + 1)}});
      for (size_t f = 0; f < row.size(); ++f) {
        EXPECT_EQ(ToFloats(found[f].Rows(i, i + 1)), ToFloats(row[f]))
            << threads << " threads, row " << i << ", output " << f;
      }
    }
  }
}

// The size of the batch is written into the graph: a row alone does not fit.
TEST(BatchPieces, AFixedBatchIsNotTakenApart) {
  GraphBuilder net;
  const Value x = net.Input("x", {-1, 2, 32, 32});
  const Value flat = net.Op("Reshape", {x, net.Const(Tensor::Vector<int32_t>({4, 2048}))},
                            {{"Tshape", DType::kInt32}});
  net.graph.SetOutputs(
      std::vector<GraphOutput>{{"y", net.Op("MatMul", {flat, net.Weights({2048, 3})})}});
  const Tensor in = RandomTensor({4, 2, 32, 32}, 1);
  Session session(net.graph, {}, nullptr, {.num_threads = 2});
  EXPECT_FALSE(session.KeepsRowsApart({{"x", in}}));
  EXPECT_EQ(session.Run({{"x", in}})[0].shape(), (Shape{4, 3}));
}

TEST(BatchPieces, RowsThatMeetAreNotTakenApart) {
  const PiecesNet net({0});
  EXPECT_FALSE(Session(net.graph).KeepsRowsApart({{"x", RandomTensor({4, kSide, kSide, 3}, 2)}}));
  const Tensor x = RandomTensor({4, kSide, kSide, 3}, 2);
  const std::vector<float> expected = ToFloats(EvaluateAll(net.graph, {{"x", x}}).at("Sub"));
  const std::vector<float> whole = RunModel(net.graph, x, 2);
  ASSERT_EQ(whole.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    worst = std::max(worst, std::abs(double{whole[i]} - expected[i]));
  }
  EXPECT_LT(worst, 1e-4);
}

}  // namespace
}  // namespace adze
