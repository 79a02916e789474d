#include <gtest/gtest.h>

#include <limits>

#include "adze/op.h"
#include "adze/registry.h"

namespace adze {
namespace {

using Ints = std::vector<int32_t>;

Tensor Floats(Shape shape) { return Tensor::Zeros(DType::kFloat, std::move(shape)); }

// Evaluates one node on constants.
std::vector<Tensor> Evaluate(const std::string& op, const std::vector<Tensor>& inputs,
                             AttrMap attrs = {}) {
  Graph graph(Builtin<OpRegistry>());
  return EvaluateNode(graph.Add("y", op, {}, std::move(attrs)), inputs);
}

void ExpectBadFile(const std::string& op, const std::vector<Tensor>& inputs, AttrMap attrs = {}) {
  try {
    Evaluate(op, inputs, std::move(attrs));
    ADD_FAILURE() << op << " was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadFile) << error.what();
    EXPECT_NE(std::string(error.what()).find("node 'y'"), std::string::npos) << error.what();
  }
}

TEST(HostileOperands, AxesOutsideTheRankAreRefused) {
  const Tensor x = Floats({2, 3});
  for (int32_t axis : {-3, 2, std::numeric_limits<int32_t>::min()}) {
    const Tensor operand = Tensor::Scalar<int32_t>(axis);
    ExpectBadFile("Sum", {x, operand});
    ExpectBadFile("ArgMax", {x, operand});
    ExpectBadFile("ConcatV2", {x, x, operand});
    ExpectBadFile("Split", {operand, x}, {{"num_split", 1}});
    ExpectBadFile("GatherV2", {x, Tensor::Scalar<int32_t>(0), operand});
    ExpectBadFile("Transpose", {x, Tensor::Vector<int32_t>({0, axis})});
    ExpectBadFile("Squeeze", {x}, {{"squeeze_dims", std::vector<int64_t>{axis}}});
  }
  ExpectBadFile("ExpandDims", {x, Tensor::Scalar<int32_t>(3)});
  ExpectBadFile("Transpose", {x, Tensor::Vector<int32_t>({1, 1})});
}

TEST(HostileOperands, SizesThatDoNotFitAreRefused) {
  const Tensor x = Floats({2, 3});
  ExpectBadFile("Fill", {Tensor::Vector<int32_t>({-2}), Tensor::Scalar(1.f)});
  ExpectBadFile("Tile", {x, Tensor::Vector<int32_t>({1, -1})});
  ExpectBadFile("Pad", {x, Tensor::From<int32_t>({2, 2}, Ints{0, 0, -1, 0})});
  ExpectBadFile("Slice", {x, Tensor::Vector<int32_t>({0, 2}), Tensor::Vector<int32_t>({1, 2})});
  ExpectBadFile("Slice", {x, Tensor::Vector<int32_t>({0, -1}), Tensor::Vector<int32_t>({1, 1})});
  ExpectBadFile("SplitV", {x, Tensor::Vector<int32_t>({1, 3}), Tensor::Scalar<int32_t>(1)},
                {{"num_split", 2}});
  ExpectBadFile("Reshape", {x, Tensor::Vector<int32_t>({-1, 4})});
  ExpectBadFile("Reshape", {x, Tensor::Vector<int32_t>({-1, -1})});
  ExpectBadFile("Gather", {x, Tensor::Scalar<int32_t>(2)});
  const Tensor one = Tensor::Vector<int32_t>({0}), zero = Tensor::Vector<int32_t>({0});
  ExpectBadFile("StridedSlice", {x, one, one, zero});
  ExpectBadFile("Range", {Tensor::Scalar(0), Tensor::Scalar(5), Tensor::Scalar(0)});
}

// A few bytes of file that ask for terabytes: refused before memory is taken.
TEST(HostileOperands, HugeResultsAreRefused) {
  const Tensor huge = Tensor::Vector<int32_t>({1 << 30, 1 << 15});
  ExpectBadFile("Fill", {huge, Tensor::Scalar(1.f)});
  ExpectBadFile("Tile", {Floats({1, 1}), huge});
  ExpectBadFile("BroadcastTo", {Floats({1, 1}), huge});
  ExpectBadFile("Tile", {Floats({1 << 10}), Tensor::Vector<int64_t>({int64_t{1} << 60})});
  ExpectBadFile("Pad", {Floats({1}), Tensor::From<int32_t>({1, 2}, Ints{1 << 30, 1 << 30})});
  ExpectBadFile("Range", {Tensor::Scalar(0), Tensor::Scalar(1 << 30), Tensor::Scalar(1)});
  ExpectBadFile("Split", {Tensor::Scalar<int32_t>(0), Floats({2})}, {{"num_split", 1 << 30}});
}

TEST(HostileOperands, MissingInputsAndMixedTypesAreRefused) {
  const Tensor x = Floats({2}), i = Tensor::Vector<int32_t>({1, 2});
  for (const char* op : {"Relu", "Add", "Sum", "Reshape", "Transpose", "Pad", "StridedSlice",
                         "Fill", "Range", "ConcatV2", "Pack", "AddN", "SelectV2", "Shape"}) {
    ExpectBadFile(op, {});
  }
  ExpectBadFile("Add", {x, i});
  ExpectBadFile("Add", {x, Floats({3})});
  ExpectBadFile("SelectV2", {x, x, x});
  ExpectBadFile("ConcatV2", {x, i, Tensor::Scalar<int32_t>(0)});
}

TEST(HostileOperands, IntegerArithmeticDoesNotTrap) {
  constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();
  const Tensor least = Tensor::Scalar<int32_t>(kLeast), minus_one = Tensor::Scalar<int32_t>(-1);
  for (const char* op : {"FloorDiv", "Div", "FloorMod"}) {
    ExpectBadFile(op, {least, Tensor::Scalar<int32_t>(0)});
    EXPECT_EQ(Evaluate(op, {least, minus_one})[0].data<int32_t>()[0],
              std::string(op) == "FloorMod" ? 0 : kLeast);
  }
  ExpectBadFile("Pow", {least, minus_one});
  EXPECT_EQ(Evaluate("Neg", {least})[0].data<int32_t>()[0], kLeast);
}

}  // namespace
}  // namespace adze
