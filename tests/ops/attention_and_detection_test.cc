// Einsum, suppression of boxes and their like: facts that can be told by hand. What TensorFlow 1.15
// has of them is compared with it in tensorflow_oracle_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/one_node.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
constexpr int64_t kUnknown = Shape::kUnknown;

Tensor Einsum(const std::string& equation, const std::vector<Tensor>& inputs) {
  return RunOp("Einsum", inputs, {{"equation", equation}})[0];
}

TEST(Einsum, IsTheSumOfProductsThatItsEquationSays) {
  const Tensor a = Counting({2, 3}), b = Counting({3, 2}), square = Counting({3, 3});
  EXPECT_THAT(Floats(Einsum("ij,jk->ik", {a, b})), ElementsAre(10, 13, 28, 40));
  EXPECT_THAT(Floats(Einsum("ij,jk->ki", {a, b})), ElementsAre(10, 28, 13, 40));
  EXPECT_THAT(Floats(Einsum("ij->ji", {a})), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(Floats(Einsum("ij->", {a})), ElementsAre(15));
  EXPECT_THAT(Floats(Einsum("ii->i", {square})), ElementsAre(0, 4, 8));
  EXPECT_THAT(Floats(Einsum("ii->", {square})), ElementsAre(12));
  EXPECT_THAT(Floats(Einsum("i,j->ij", {Counting({2}), Counting({2})})), ElementsAre(0, 0, 0, 1));
}

TEST(Einsum, BroadcastsWhatThreeDotsStandFor) {
  const Tensor a = Counting({2, 1, 3}), b = Counting({4, 3});
  const Tensor result = Einsum("...i,...i->...", {a, b});
  EXPECT_EQ(result.shape(), (Shape{2, 4}));
  EXPECT_THAT(Floats(result), ElementsAre(5, 14, 23, 32, 14, 50, 86, 122));
  // Equal to BatchMatMul.
  const Tensor left = Counting({2, 2, 3}), right = Counting({2, 3, 2});
  EXPECT_EQ(Floats(Einsum("...ab,...bc->...ac", {left, right})),
            Floats(RunOp("BatchMatMulV2", {left, right}, {})[0]));
}

TEST(Einsum, OfNothingIsZeros) {
  const Tensor result = Einsum("ij,jk->ik", {Counting({2, 0}), Counting({0, 2})});
  EXPECT_THAT(Floats(result), ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(Einsum("ij,jk->ik", {Counting({0, 2}), Counting({2, 3})}).shape(), (Shape{0, 3}));
}

TEST(Einsum, InfersShapes) {
  const auto infer = [](const char* equation, std::vector<Shape> shapes) {
    return OneNode("Einsum", shapes, {{"equation", equation}}).InferShape();
  };
  EXPECT_EQ(infer("abc,cde->abde", {{kUnknown, 7, 8}, {8, 2, 4}}), (Shape{kUnknown, 7, 2, 4}));
  EXPECT_FALSE(infer("ab,bc->ac", {Shape::UnknownRank(), {8, 2}}).known_rank());
}

TEST(Einsum, SaysWhatIsWrong) {
  const auto failure = [](const char* equation, std::vector<Shape> shapes) {
    return OneNode("Einsum", shapes, {{"equation", equation}}).Failure();
  };
  EXPECT_THAT(failure("ab,bc", {{2, 3}, {3, 4}}), HasSubstr("has no '->'"));
  EXPECT_THAT(failure("ab,bc->ac", {{2, 3}, {4, 4}}), HasSubstr("an Einsum label"));
  EXPECT_THAT(failure("ab->ac", {{2, 3}}), HasSubstr("an axis that no operand has"));
  EXPECT_THAT(failure("ab->aa", {{2, 3}}), HasSubstr("an axis twice in its result"));
  EXPECT_THAT(failure("abc->a", {{2, 3}}), HasSubstr("does not fit an operand of rank 2"));
  EXPECT_THAT(failure("a1->a", {{2, 3}}), HasSubstr("has a '1'"));
  EXPECT_THAT(failure("a,b,c->abc", {{2}, {3}, {4}}), HasSubstr("has 3 terms for 3 operands"));
}

TEST(NonMaxSuppression, InfersWhatDoesNotDependOnTheBoxes) {
  const std::vector<Shape> shapes = {{kUnknown, 4}, {kUnknown}, {}, {}, {}};
  OneNode padded("NonMaxSuppressionV4", shapes, {{"pad_to_max_output_size", true}});
  EXPECT_EQ(padded.Set(2, Tensor::Scalar<int32_t>(7)).InferShape(), (Shape{7}));
  OneNode open("NonMaxSuppressionV3", shapes, {});
  EXPECT_EQ(open.Set(2, Tensor::Scalar<int32_t>(7)).InferShape(), (Shape{kUnknown}));
}

TEST(NonMaxSuppression, SaysWhatIsWrong) {
  EXPECT_THAT(OneNode("NonMaxSuppressionV2", {{5, 3}, {5}, {}, {}}, {}).Failure(),
              HasSubstr("boxes of 3 numbers where 4 are needed"));
  EXPECT_THAT(OneNode("NonMaxSuppressionV2", {{5, 4}, {6}, {}, {}}, {}).Failure(),
              HasSubstr("boxes"));
  try {
    RunOp("NonMaxSuppressionV2",
          {Counting({2, 4}), Counting({2}), Tensor::Scalar<int32_t>(1), Tensor::Scalar(1.5f)}, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("an overlap threshold of 1.5; it must be from 0 to 1"));
  }
}

TEST(InvertPermutation, RefusesWhatIsNone) {
  try {
    RunOp("InvertPermutation", {Tensor::Vector<int32_t>({0, 2, 2})}, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("element 2 is 2"));
  }
}

}  // namespace
}  // namespace adze
