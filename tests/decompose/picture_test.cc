#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/decompose.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "decompose/picture_blocks.h"
#include "decompose/picture_layout.h"
#include "decompose/random_tensor.h"
#include "decompose/svg.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// 0 - 1 - 2 - 3 - 5 and 0 - 4 - 5, besides 0 - 5: a long branch, a short one and a line.
TEST(PictureLayout, LongBranchStandsInLaneZeroAndLinesMissBoxes) {
  const PictureLayout layout = LayOut({{}, {0}, {1}, {2}, {0}, {3, 4, 0}}, {1, 1, 2, 1, 1, 1});
  std::vector<int64_t> rows, lanes;
  for (const PlacedBlock& block : layout.blocks) {
    rows.push_back(block.row);
    lanes.push_back(block.lane);
  }
  EXPECT_THAT(rows, ElementsAre(0, 1, 2, 4, 1, 5));
  EXPECT_THAT(lanes, ElementsAre(0, 0, 0, 0, 1, 0));
  EXPECT_EQ(layout.rows, 6);
  ASSERT_EQ(layout.edges.size(), 7u);
  for (const PlacedEdge& edge : layout.edges) {
    if (edge.track >= 0) continue;
    const int64_t from = layout.blocks[edge.from].end(), to = layout.blocks[edge.to].row;
    for (const PlacedBlock& block : layout.blocks) {
      EXPECT_FALSE(block.lane == edge.lane && block.row < to && block.end() > from);
    }
  }
  EXPECT_THAT(layout.tracks, ElementsAre(1, 0));  // of the line
}

TEST(Svg, NamesAreEscapedAndShortened) {
  EXPECT_EQ(XmlText("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
  EXPECT_EQ(XmlText(std::string("x\x01y\xff\xc3z\n", 7)), "x?y??z?");
  EXPECT_EQ(XmlText("größer→"), "größer→");
  EXPECT_EQ(XmlText("\xed\xa0\x80"), "???");  // half of a surrogate pair
  EXPECT_EQ(Shortened("block1/unit_1/bottleneck_v2/conv2", 24), "block1/unit_1/…/conv2");
  EXPECT_EQ(Shortened("abcdefgh", 5), "…efgh");
  EXPECT_EQ(Shortened("äöüäöü", 4), "…äöü");
}

// x -> BN-less unit: conv 3 x 3 -> Relu -> conv 1 x 1 -> Add with x.
Graph Residual(const std::string& name) {
  Graph graph(Builtin<OpRegistry>());
  const AttrMap type = {{"T", DType::kFloat}};
  AttrMap attrs = type;
  attrs["padding"] = std::string("SAME");
  attrs["strides"] = std::vector<int64_t>{1, 1, 1, 1};
  const Value x =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 10, 10, 64}}})
          .output();
  Node& first = graph.Add(
      name, "Conv2D", {x, graph.AddConst("w", RandomTensor({3, 3, 64, 64}, 1)).output()}, attrs);
  Node& relu = graph.Add("relu", "Relu", {first.output()}, type);
  Node& second = graph.Add(
      "second", "Conv2D",
      {relu.output(), graph.AddConst("v", RandomTensor({1, 1, 64, 64}, 2)).output()}, attrs);
  graph.Add("sum", "AddV2", {x, second.output()}, type);
  graph.SetOutputs({"sum"});
  return graph;
}

TEST(Picture, BlocksHoldALayerAndWhatStandsBehindIt) {
  const Graph graph = Residual("conv");
  const std::vector<PictureBlock> blocks = BlocksOf(graph);
  ASSERT_EQ(blocks.size(), 4u);
  EXPECT_EQ(blocks[1].layer, graph.Find("conv"));
  EXPECT_THAT(blocks[1].nodes, ElementsAre(graph.Find("conv"), graph.Find("relu")));
  EXPECT_THAT(blocks[3].inputs, testing::UnorderedElementsAre(0, 2));
  const ShapeMap shapes = InferShapes(graph);
  EXPECT_EQ(PictureMacs(*graph.Find("conv"), shapes), 100 * 9 * 64 * 64);
  EXPECT_EQ(PictureText(*graph.Find("conv"), shapes), "3×3 64→64");
}

TEST(Picture, ShowsRanksMacsAndTotalsOfBothGraphs) {
  const Graph before = Residual("a<&\"b");
  Graph after = before.Clone();
  const auto layers = Decompose(after);
  ASSERT_EQ(layers.at(0).ranks.at(0), 32);
  const std::string svg = DrawDecomposition(before, after, layers, "model <1>");
  EXPECT_THAT(svg, HasSubstr("model &lt;1&gt;"));
  EXPECT_THAT(svg, HasSubstr("a&lt;&amp;&quot;b"));
  EXPECT_THAT(svg, Not(HasSubstr("a<")));
  EXPECT_THAT(svg, HasSubstr("spatial SCFK, rank 32: 3.7 M → 1.2 M (33 %)"));
  EXPECT_THAT(svg, HasSubstr("decom_first, rank 32"));
  EXPECT_THAT(svg, HasSubstr("3×1 64→32"));
  EXPECT_THAT(svg, HasSubstr("1×3 32→64"));
  EXPECT_THAT(svg, HasSubstr("2 layers, 4.1 M multiply-accumulates"));
  EXPECT_THAT(svg, HasSubstr("3 layers, 1.6 M multiply-accumulates (40.0 %)"));
  EXPECT_EQ(svg, DrawDecomposition(before, after, layers, "model <1>"));
}

}  // namespace
}  // namespace adze
