#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/one_node.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
constexpr int64_t kUnknown = Shape::kUnknown;

TEST(ImageOps, InferUnknownDimensions) {
  OneNode resize("ResizeBilinear", {{kUnknown, kUnknown, kUnknown, 3}, {2}}, {});
  EXPECT_EQ(resize.InferShape(), (Shape{kUnknown, kUnknown, kUnknown, 3}));
  EXPECT_EQ(resize.Set(1, Tensor::Vector<int32_t>({7, 9})).InferShape(),
            (Shape{kUnknown, 7, 9, 3}));
  EXPECT_EQ(
      OneNode("DepthToSpace", {{kUnknown, 2, kUnknown, 12}}, {{"block_size", 2}}).InferShape(),
      (Shape{kUnknown, 4, kUnknown, 3}));
  EXPECT_EQ(
      OneNode("SpaceToDepth", {{1, 3, 4, kUnknown}}, {{"block_size", 2}, {"data_format", "NCHW"}})
          .InferShape(),
      (Shape{1, 12, 2, kUnknown}));
  EXPECT_EQ(OneNode("BiasAdd", {{kUnknown, kUnknown}, {5}}, {}).InferShape(), (Shape{kUnknown, 5}));
  EXPECT_EQ(OneNode("FusedBatchNormV3", {Shape::UnknownRank(), {5}, {5}, {5}, {5}},
                    {{"is_training", false}})
                .InferShape(),
            (Shape{kUnknown, kUnknown, kUnknown, 5}));
  OneNode to_batch("SpaceToBatchND", {{kUnknown, 5, kUnknown, 3}, {2}, {2, 2}}, {});
  EXPECT_EQ(to_batch.InferShape(), (Shape{kUnknown, kUnknown, kUnknown, kUnknown}));
  to_batch.Set(1, Tensor::Vector<int32_t>({2, 2}));
  to_batch.Set(2, Tensor::From<int32_t>({2, 2}, std::vector{0, 1, 0, 0}));
  EXPECT_EQ(to_batch.InferShape(), (Shape{kUnknown, 3, kUnknown, 3}));
  OneNode mirror("MirrorPad", {{2, kUnknown}, {2, 2}}, {{"mode", "REFLECT"}});
  EXPECT_EQ(mirror.Set(1, Tensor::From<int32_t>({2, 2}, std::vector{1, 0, 3, 3})).InferShape(),
            (Shape{3, kUnknown}));
}

TEST(ImageOps, SayWhatIsWrong) {
  const auto resize = [](AttrMap attrs, std::vector<int32_t> size) {
    return OneNode("ResizeBilinear", {{1, 4, 4, 3}, {2}}, std::move(attrs))
        .Set(1, Tensor::Vector(size))
        .Failure();
  };
  EXPECT_THAT(resize({}, {0, 4}), HasSubstr("to size 0"));
  EXPECT_THAT(resize({}, {4, 4, 4}), HasSubstr("a size of 2 int32"));
  EXPECT_THAT(resize({{"align_corners", true}, {"half_pixel_centers", true}}, {4, 4}),
              HasSubstr("both align_corners and half_pixel_centers"));
  EXPECT_THAT(OneNode("DepthToSpace", {{1, 2, 2, 10}}, {{"block_size", 2}}).Failure(),
              HasSubstr("channels divisible by 4, not 10"));
  EXPECT_THAT(OneNode("DepthToSpace", {{1, 2, 2, 10}}, {{"block_size", 0}}).Failure(),
              HasSubstr("block_size 0"));
  EXPECT_THAT(OneNode("BiasAdd", {{1, 2, 2, 10}, {9}}, {}).Failure(),
              HasSubstr("10 channels in one operand and 9 in another"));
  EXPECT_THAT(OneNode("BiasAdd", {{10}, {10}}, {}).Failure(), HasSubstr("at least 2"));
  EXPECT_THAT(OneNode("LRN", {{1, 2, 2, 10}}, {{"depth_radius", -1}}).Failure(),
              HasSubstr("negative depth_radius"));
  EXPECT_THAT(OneNode("MirrorPad", {{2, 3}, {2, 2}}, {{"mode", "REFLECT"}})
                  .Set(1, Tensor::From<int32_t>({2, 2}, std::vector{2, 0, 0, 0}))
                  .Failure(),
              HasSubstr("pads axis 0 of shape [2, 3] by 2"));
  EXPECT_THAT(OneNode("BatchToSpaceND", {{6, 3}, {1}, {1, 2}}, {})
                  .Set(1, Tensor::Vector<int32_t>({4}))
                  .Set(2, Tensor::From<int32_t>({1, 2}, std::vector{0, 0}))
                  .Failure(),
              HasSubstr("batch divisible by 4, not 6"));
}

TEST(ImageOps, MirrorEdges) {
  const Tensor pads = Tensor::From<int32_t>({1, 2}, std::vector{2, 1});
  const Tensor x = Counting({3});
  EXPECT_THAT(Floats(RunOp("MirrorPad", {x, pads}, {{"mode", "REFLECT"}})[0]),
              ElementsAre(2, 1, 0, 1, 2, 1));
  EXPECT_THAT(Floats(RunOp("MirrorPad", {x, pads}, {{"mode", "SYMMETRIC"}})[0]),
              ElementsAre(1, 0, 0, 1, 2, 2));
}

TEST(ImageOps, DepthToSpaceOfBothLayouts) {
  EXPECT_THAT(Floats(RunOp("DepthToSpace", {Counting({1, 1, 2, 4})}, {{"block_size", 2}})[0]),
              ElementsAre(0, 1, 4, 5, 2, 3, 6, 7));
  // Channel k, position w holds k * 2 + w.
  const AttrMap attrs{{"block_size", 2}, {"data_format", "NCHW"}};
  const Tensor wide = RunOp("DepthToSpace", {Counting({1, 4, 1, 2})}, attrs)[0];
  EXPECT_EQ(wide.shape(), (Shape{1, 1, 2, 4}));
  EXPECT_THAT(Floats(wide), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_THAT(Floats(RunOp("SpaceToDepth", {wide}, attrs)[0]), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(ImageOps, SpaceToBatchIsUndone) {
  const Tensor x = Counting({2, 3, 5, 2});
  const Tensor blocks = Tensor::Vector<int32_t>({2, 3});
  const Tensor edges = Tensor::From<int32_t>({2, 2}, std::vector{1, 0, 2, 2});
  const Tensor deep = RunOp("SpaceToBatchND", {x, blocks, edges}, {})[0];
  EXPECT_EQ(deep.shape(), (Shape{12, 2, 3, 2}));
  EXPECT_EQ(Floats(RunOp("BatchToSpaceND", {deep, blocks, edges}, {})[0]), Floats(x));
}

TEST(ImageOps, PoolsLeavePaddingOutAndLetNanThrough) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const AttrMap attrs{
      {"ksize", Ints{1, 1, 2, 1}}, {"strides", Ints{1, 1, 2, 1}}, {"padding", "SAME"}};
  const Tensor x = Tensor::From<float>({1, 1, 3, 1}, std::vector<float>{-3, -5, -7});
  EXPECT_THAT(Floats(RunOp("MaxPool", {x}, attrs)[0]), ElementsAre(-3, -7));
  EXPECT_THAT(Floats(RunOp("AvgPool", {x}, attrs)[0]), ElementsAre(-4, -7));
  for (const auto& values : {std::vector<float>{nan, 1}, {1, nan}}) {
    const Tensor pair = Tensor::From<float>({1, 1, 2, 1}, values);
    EXPECT_TRUE(std::isnan(Floats(RunOp("MaxPool", {pair}, attrs)[0])[0]));
  }
}

TEST(ImageOps, BatchNormOfBothLayouts) {
  const auto vector = [](float a, float b) { return Tensor::Vector<float>({a, b}); };
  const std::vector<Tensor> rest{vector(2, 1), vector(0, 5), vector(1, 0), vector(4, 9)};
  const Tensor x = Tensor::From<float>({1, 1, 2, 2}, std::vector<float>{3, 3, 5, 6});
  AttrMap attrs{{"is_training", false}, {"epsilon", 0.0f}};
  const std::vector<Tensor> last =
      RunOp("FusedBatchNormV3", {x, rest[0], rest[1], rest[2], rest[3]}, attrs);
  EXPECT_THAT(Floats(last[0]), ElementsAre(2, 6, 4, 7));
  EXPECT_THAT(Floats(last[1]), ElementsAre(1, 0));
  EXPECT_THAT(Floats(last[2]), ElementsAre(4, 9));
  attrs["data_format"] = "NCHW";
  const Tensor first = x.Reshaped({1, 2, 2, 1});
  EXPECT_THAT(
      Floats(RunOp("FusedBatchNorm", {first, rest[0], rest[1], rest[2], rest[3]}, attrs)[0]),
      ElementsAre(2, 2, testing::FloatEq(5 / 3.0f + 5), 7));
}

TEST(ImageOps, SoftmaxDoesNotOverflow) {
  const Tensor x = Tensor::Vector<float>({1000, 1000, -1000});
  EXPECT_THAT(Floats(RunOp("Softmax", {x}, {})[0]), ElementsAre(0.5f, 0.5f, 0));
  EXPECT_THAT(Floats(RunOp("LogSoftmax", {x}, {})[0]),
              ElementsAre(-std::log(2.0f), -std::log(2.0f), -2000 - std::log(2.0f)));
}

TEST(ImageOps, HalfIsComputedInFloat) {
  const Tensor x = Cast(Counting({1, 2, 2, 1}), DType::kHalf);
  const Tensor y =
      RunOp("AvgPool", {x},
            {{"ksize", Ints{1, 2, 2, 1}}, {"strides", Ints{1, 1, 1, 1}}, {"padding", "VALID"}})[0];
  ASSERT_EQ(y.dtype(), DType::kHalf);
  EXPECT_EQ(ToFloats(y)[0], 1.5f);
}

}  // namespace
}  // namespace adze
