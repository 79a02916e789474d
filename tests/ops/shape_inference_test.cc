#include <gtest/gtest.h>

#include "adze/op.h"
#include "adze/registry.h"

namespace adze {
namespace {

constexpr int64_t kAny = Shape::kUnknown;

// Shape of output 0 of `op` on a float input of `shape` and constant operands.
Shape Infer(const std::string& op, Shape shape, const std::vector<std::vector<int32_t>>& operands,
            AttrMap attrs = {}) {
  Graph graph(Builtin<OpRegistry>());
  std::vector<Value> inputs = {
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", shape}}).output()};
  for (const auto& operand : operands) {
    inputs.push_back(graph.AddConst("operand", Tensor::Vector(operand)).output());
  }
  Node& node = graph.Add("y", op, inputs, std::move(attrs));
  return InferShapes(graph)[node.output()].shape;
}

TEST(ShapeInference, CarriesUnknownDimensions) {
  const Shape x{kAny, 8, kAny, 3};
  EXPECT_EQ(Infer("Relu", x, {}), x);
  EXPECT_EQ(Infer("Mean", x, {{1, 2}}), (Shape{kAny, 3}));
  EXPECT_EQ(Infer("Mean", x, {{1, 2}}, {{"keep_dims", true}}), (Shape{kAny, 1, 1, 3}));
  EXPECT_EQ(Infer("Transpose", x, {{0, 3, 1, 2}}), (Shape{kAny, 3, 8, kAny}));
  EXPECT_EQ(Infer("Pad", x, {{0, 0, 1, 1, 2, 2, 0, 0}}), (Shape{kAny, 10, kAny, 3}));
  EXPECT_EQ(Infer("Tile", x, {{1, 2, 1, 2}}), (Shape{kAny, 16, kAny, 6}));
  EXPECT_EQ(Infer("Slice", x, {{0, 2, 0, 0}, {-1, -1, 4, 3}}), (Shape{kAny, 6, 4, 3}));
  EXPECT_EQ(
      Infer("StridedSlice", x, {{0, 0}, {0, 4}, {1, 1}}, {{"begin_mask", 1}, {"end_mask", 1}}),
      (Shape{kAny, 4, kAny, 3}));
  EXPECT_EQ(Infer("ArgMax", x, {{3}}), (Shape{kAny, 8, kAny}));
  EXPECT_EQ(Infer("Reshape", x, {{-1, 24}}), (Shape{kAny, 24}));
  EXPECT_EQ(Infer("Squeeze", x, {}), Shape::UnknownRank());
  EXPECT_EQ(Infer("Shape", x, {}), (Shape{4}));
  EXPECT_EQ(Infer("Relu", Shape::UnknownRank(), {}), Shape::UnknownRank());
}

TEST(ShapeInference, ReshapeTakesALeadingOneForTheBatchWhereNothingElseFits) {
  EXPECT_EQ(Infer("Reshape", {1, 1, 1, 1001}, {{1, 1001}}), (Shape{1, 1001}));
  EXPECT_EQ(Infer("Reshape", {8, 1, 1, 1001}, {{1, 1001}}), (Shape{8, 1001}));
  EXPECT_EQ(Infer("Reshape", {8, 256}, {{1, 1, 1, 256}}), (Shape{8, 1, 1, 256}));
  EXPECT_EQ(Infer("Reshape", {kAny, 1, 1, 1001}, {{1, 1001}}), (Shape{kAny, 1001}));
  EXPECT_EQ(Infer("Reshape", {1, 1001, 8}, {{1, 8008}}), (Shape{1, 8008}));
  EXPECT_THROW(Infer("Reshape", {8, 1001}, {{2, 1001}}), Error);
  EXPECT_THROW(Infer("Reshape", {8, 1001}, {{1, 1000}}), Error);
}

}  // namespace
}  // namespace adze
