// A graph of a million nodes: reading, preparing and writing take seconds, not memory without end.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>

#include "adze/api.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "test_folder.h"

namespace adze {
namespace {

// A chain of 125,000 blocks, each with weights behind an Identity, constants to fold, an activation
// and a residual connection.
Graph MillionNodes() {
  Graph graph(Builtin<OpRegistry>());
  const AttrMap type = {{"T", DType::kFloat}};
  Value data =
      graph.Add("input", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 4}}})
          .output();
  for (int i = 0; i < 125000; ++i) {
    const std::string scope = "network/block_" + std::to_string(i) + "/";
    const Tensor scalar = Tensor::Scalar(0.5f);
    Node& weights = graph.AddConst(scope + "weights", scalar);
    Node& read = graph.Add(scope + "weights/read", "Identity", {weights.output()}, type);
    Node& other = graph.AddConst(scope + "epsilon", scalar);
    Node& sum = graph.Add(scope + "add", "AddV2", {read.output(), other.output()}, type);
    Node& scale = graph.Add(scope + "Rsqrt", "Rsqrt", {sum.output()}, type);
    Node& mul = graph.Add(scope + "mul", "Mul", {data, scale.output()}, type);
    Node& relu = graph.Add(scope + "Relu", "Relu", {mul.output()}, type);
    data = graph.Add(scope + "residual", "AddV2", {data, relu.output()}, type).output();
  }
  graph.SetOutputs(std::vector<GraphOutput>{{"output", data}});
  return graph;
}

// Of the processor: other tests may run beside this one.
double Seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

int64_t PeakBytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * int64_t{1024};
}

// The file is written by a process of its own, so that the peak is that of reading.
TEST(SlowTimedLargeGraph, AMillionNodesAreReadPreparedAndWritten) {
  const std::filesystem::path folder = TestFolder();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    WriteGraphDef(MillionNodes(), folder / "large.pb");
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);

  const double begin = Seconds();
  Graph graph = LoadModel({.path = folder / "large.pb"});
  const double read = Seconds() - begin;
  EXPECT_EQ(graph.size(), 1000001u);
  PrepareModel(graph);
  const double prepared = Seconds() - begin;
  EXPECT_EQ(graph.size(), 4 * 125000u + 1);  // a constant, Mul, Relu and AddV2 a block
  WriteGraphDef(graph, folder / "prepared.pb");
  const double written = Seconds() - begin;
  std::printf("read %.1f s, prepared %.1f s, written %.1f s, peak %.2f GB\n", read, prepared - read,
              written - prepared, PeakBytes() * 1e-9);
  EXPECT_LT(read, 5);
  EXPECT_LT(written, 20);
  EXPECT_LT(PeakBytes(), 2'000'000'000);
}

}  // namespace
}  // namespace adze
