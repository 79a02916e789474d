#include "decompose/latency.h"

#include <gtest/gtest.h>

#include "adze/error.h"
#include "adze/file.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "decompose/random_tensor.h"
#include "test_folder.h"

namespace adze {
namespace {

// x -> a (64 -> 64) -> b (64 -> 64).
Graph TwoConvolutions() {
  Graph graph(Builtin<OpRegistry>());
  Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 14, 14, 64}}})
          .output();
  for (const char* name : {"a", "b"}) {
    Node& weight = graph.AddConst(std::string(name) + "/w", RandomTensor({3, 3, 64, 64}, *name));
    data = graph
               .Add(name, "Conv2D", {data, weight.output()},
                    {{"T", DType::kFloat},
                     {"padding", std::string("SAME")},
                     {"strides", std::vector<int64_t>{1, 1, 1, 1}}})
               .output();
  }
  graph.SetOutputs({"b"});
  return graph;
}

std::vector<LayerDecomposition> DecomposeIn(double share, LatencyTable* table) {
  Graph graph = TwoConvolutions();
  return Decompose(graph, {.method = "spatial",
                           .rule = RankRule::kLatency,
                           .share = share,
                           .latency = {.num_threads = 1, .rounds = 3, .table = table}});
}

// Times that are made up decide alone: nothing is timed, and what is slower is not taken.
TEST(Latency, TheTableDecides) {
  LatencyTable table;
  const std::string layer = "1 thread, 14x14 SAME 1x1: ";
  table[layer + "3x3x64x64"] = 10;
  for (int rank = 8; rank <= 192; rank += 8) {
    const std::string r = std::to_string(rank);
    // A rank of 24 is fast, all others are slower than the layer itself.
    table[layer + "3x1x64x" + r + ", 1x3x" + r + "x64"] = rank == 24 ? 2 : 20;
  }
  const LatencyTable before = table;
  for (const auto& [share, decomposed] : {std::pair(0.6, 1), std::pair(0.2, 2)}) {
    int count = 0;
    for (const LayerDecomposition& found : DecomposeIn(share, &table)) {
      EXPECT_EQ(found.ms_before, 10);
      EXPECT_EQ(found.ms_after, found.reason.empty() ? 2 : 10);
      if (!found.reason.empty()) continue;
      ++count;
      EXPECT_EQ(found.ranks, std::vector<int64_t>{24});
    }
    EXPECT_EQ(count, decomposed);
  }
  EXPECT_EQ(table, before);
  try {
    DecomposeIn(0.1, &table);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the budget of 0.1 of the measured time cannot be met; the least possible is 0.2");
  }
}

TEST(Latency, WhatTheTableLacksIsTimedOnce) {
  LatencyTable table;
  const std::vector<LayerDecomposition> layers = DecomposeIn(0.9, &table);
  // Both layers are alike: one is timed, in every way and as it is.
  EXPECT_TRUE(table.contains("1 thread, 14x14 SAME 1x1: 3x3x64x64"));
  EXPECT_TRUE(table.contains("1 thread, 14x14 SAME 1x1: 3x1x64x32, 1x3x32x64"));
  for (const auto& [key, time] : table) EXPECT_GT(time, 0) << key;
  const LatencyTable before = table;
  double all = 0, left = 0;
  for (const LayerDecomposition& layer : layers) {
    all += *layer.ms_before;
    left += *layer.ms_after;
  }
  EXPECT_LE(left, 0.9 * all + 1e-5);
  DecomposeIn(0.9, &table);
  EXPECT_EQ(table, before);
}

TEST(Latency, TheTableSurvivesAFileAndABadOneIsRefused) {
  const auto file = TestFolder() / "times.json";
  const LatencyTable table = {{"1 thread, MatMul: 1x1x8x8", 0.25}, {"b", 1.0 / 3}};
  WriteLatencyTable(table, file);
  EXPECT_EQ(ReadLatencyTable(file), table);
  WriteFileAtomically(file, R"({"a": -1})");
  try {
    ReadLatencyTable(file);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what())
                  .find("the time of 'a' is -1; it must be a number of milliseconds above 0"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace adze
