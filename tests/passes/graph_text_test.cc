#include "adze/graph_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adze/op.h"
#include "adze/registry.h"

namespace adze {
namespace {

Graph Parse(const std::string& text) { return ParseGraphText(text, Builtin<OpRegistry>()); }

std::string ErrorOf(const std::string& text) {
  try {
    Parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadFile);
    return error.what();
  }
  return "no error";
}

TEST(GraphTextTest, PrintsWhatItReads) {
  const std::string text =
      R"(x = Placeholder {dtype: f32, shape: [1, ?]}
u = Placeholder {dtype: string, shape: ?}
w = Const {value: f32[2,2] [1, -0.5, 1e-30, inf]}
s = Const {value: string[2] ["a \"b\"", "c\\"]}
k = Const {value: bool[2] [1, 0]}
y = Op(x, w) {a: 7, b: 0.5, c: true, d: "text", e: i64, f: [1, 2], g: [0.5, 2.0], h: ["p", "q"], i: [f32, bool], j: [true, false], k: shape[2, ?], l: [shape[1], shape?], out_shape: [3]}
z = Op(y:1, s, k, u, ^x, ^y)
return z, prob = y:1
)";
  EXPECT_EQ(PrintGraphText(Parse(text)), text);
}

TEST(GraphTextTest, FillsTensors) {
  const Graph graph = Parse("a = Const {value: i32[3] 5}\nr = Const {value: f32[200] random(1)}");
  EXPECT_EQ(ToInt64s(graph.Find("a")->const_value()), (std::vector<int64_t>{5, 5, 5}));
  const std::vector<float> values = ToFloats(graph.Find("r")->const_value());
  EXPECT_THAT(values, testing::Each(testing::AllOf(testing::Ge(-1), testing::Lt(1))));
  EXPECT_LT(*std::min_element(values.begin(), values.end()), -0.9f);
  EXPECT_GT(*std::max_element(values.begin(), values.end()), 0.9f);
  EXPECT_EQ(graph.Find("r")->attr<DType>("dtype"), DType::kFloat);
}

TEST(GraphTextTest, NamesTheLineOfAMistake) {
  EXPECT_EQ(ErrorOf("x = Op\ny = Op(x"), "line 2: expected ',' or ')'");
  EXPECT_EQ(ErrorOf("x = Op {a: f32[2] [1]}"), "line 1: a tensor of 2 elements is given 1");
  EXPECT_EQ(ErrorOf("x = Op {a: seven}"),
            "line 1: 'seven' is not a number of the kind wanted here");
  EXPECT_EQ(ErrorOf("x = Op {a: \"b}"), "line 1: a text without its end");
  EXPECT_EQ(ErrorOf("x = Op {a: [1, true]}"), "line 1: a list of several kinds of values");
  EXPECT_THAT(ErrorOf("x = Op\nx = Op"), testing::HasSubstr("two nodes are named 'x'"));
}

}  // namespace
}  // namespace adze
