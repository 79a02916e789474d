#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/one_node.h"

namespace adze {
namespace {

constexpr int64_t kUnknown = Shape::kUnknown;

AttrMap Attrs(const std::string& padding, Ints strides, AttrMap more = {}) {
  more.insert({{"padding", padding}, {"strides", std::move(strides)}});
  return more;
}

Shape Infer(const std::string& op, const std::vector<Shape>& shapes, AttrMap attrs) {
  return OneNode(op, shapes, std::move(attrs)).InferShape();
}
std::string Failure(const std::string& op, const std::vector<Shape>& shapes, AttrMap attrs) {
  return OneNode(op, shapes, std::move(attrs)).Failure();
}
std::optional<std::string> Refusal(const std::string& op, AttrMap attrs) {
  return OneNode(op, {{1, 1, 1, 1}, {1, 1, 1, 1}}, std::move(attrs)).Refusal();
}

TEST(Convolution, InfersUnknownAndKnownDimensions) {
  const AttrMap same = Attrs("SAME", {1, 2, 2, 1});
  EXPECT_EQ(Infer("Conv2D", {{kUnknown, 225, kUnknown, 3}, {3, 3, 3, 8}}, same),
            (Shape{kUnknown, 113, kUnknown, 8}));
  EXPECT_EQ(Infer("Conv2D", {Shape::UnknownRank(), {3, 3, 3, 8}}, same),
            (Shape{kUnknown, kUnknown, kUnknown, 8}));
  EXPECT_EQ(Infer("Conv2D", {{1, 3, 9, 9}, {3, 3, 3, 8}},
                  Attrs("VALID", {1, 1, 2, 1}, {{"data_format", "NCHW"}})),
            (Shape{1, 8, 4, 7}));
  EXPECT_EQ(Infer("DepthwiseConv2dNative", {{1, 8, 8, 4}, {3, 3, 4, 2}}, same),
            (Shape{1, 4, 4, 8}));
  EXPECT_EQ(Infer("AvgPool", {{kUnknown, 7, 7, 64}},
                  Attrs("VALID", {1, 1, 1, 1}, {{"ksize", Ints{1, 7, 7, 1}}})),
            (Shape{kUnknown, 1, 1, 64}));
  EXPECT_EQ(Infer("MatMul", {{kUnknown, 5}, {7, 5}}, {{"transpose_b", true}}),
            (Shape{kUnknown, 7}));
  EXPECT_EQ(Infer("BatchMatMulV2", {{3, 1, 2, 4}, {5, 4, 6}}, {}), (Shape{3, 5, 2, 6}));
}

TEST(Convolution, TransposedTakesTheBatchOfItsData) {
  OneNode op("Conv2DBackpropInput", {{4}, {3, 3, 3, 6}, {4, 4, 4, 6}}, Attrs("SAME", {1, 2, 2, 1}));
  EXPECT_EQ(op.InferShape(), (Shape{4, kUnknown, kUnknown, 3}));
  op.Set(0, Tensor::Vector<int32_t>({1, 8, 8, 3}));
  EXPECT_EQ(op.InferShape(), (Shape{4, 8, 8, 3}));
  op.Set(0, Tensor::Vector<int32_t>({1, 9, 8, 3}));
  EXPECT_THAT(op.Failure(), testing::HasSubstr("4 rows in one operand and 5 in another"));
}

TEST(Convolution, SaysWhatIsWrong) {
  using testing::HasSubstr;
  const std::vector<Shape> shapes = {{1, 8, 8, 3}, {3, 3, 3, 8}};
  const std::string conv = "Conv2D";
  EXPECT_THAT(Failure(conv, shapes, Attrs("SAME", {1, 0, 1, 1})), HasSubstr("'strides' holds 0"));
  EXPECT_THAT(Failure(conv, shapes, Attrs("SAME", {1, -2, 1, 1})), HasSubstr("'strides' holds -2"));
  EXPECT_THAT(Failure(conv, shapes, Attrs("SAME", {1, 1})), HasSubstr("needs 4"));
  EXPECT_THAT(Failure(conv, shapes, Attrs("SAME", {2, 1, 1, 1})), HasSubstr("batch and channels"));
  EXPECT_THAT(Failure(conv, shapes, Attrs("FULL", {1, 1, 1, 1})), HasSubstr("'FULL'"));
  EXPECT_THAT(Failure(conv, shapes, Attrs("EXPLICIT", {1, 1, 1, 1})),
              HasSubstr("'explicit_paddings' is missing"));
  EXPECT_THAT(Failure(conv, {{1, 8, 8, 4}, {3, 3, 3, 8}}, Attrs("SAME", {1, 1, 1, 1})),
              HasSubstr("4 channels by a filter for 3"));
  EXPECT_THAT(Failure(conv, {{1, 8, 8, 3}, {3, 3, 0, 8}}, Attrs("SAME", {1, 1, 1, 1})),
              HasSubstr("by a filter for 0"));
  EXPECT_THAT(Failure(conv, {{1, 8, 8, 4}, {3, 3, 2, 7}}, Attrs("SAME", {1, 1, 1, 1})),
              HasSubstr("cannot make 7 channels in 2 groups"));
  EXPECT_THAT(Failure(conv, {{8, 8, 3}, {3, 3, 3, 8}}, Attrs("SAME", {1, 1, 1, 1})),
              HasSubstr("its rank must be 4"));
  EXPECT_THAT(Failure(conv, {{1, 2, 2, 3}, {5, 5, 3, 8}}, Attrs("VALID", {1, 1, 1, 1})),
              HasSubstr("5 positions of an image 2 long"));
  EXPECT_THAT(Failure("MaxPool", {{1, 8, 8, 3}},
                      Attrs("VALID", {1, 1, 1, 1}, {{"ksize", Ints{1, int64_t{1} << 40, 2, 1}}})),
              HasSubstr("'ksize' holds 1099511627776"));
  EXPECT_THAT(Failure("MatMul", {{2, 3}, {4, 5}}, {}),
              HasSubstr("3 terms to sum in one operand and 4 in another"));
}

TEST(Convolution, RefusesToQuantizeWithTheReason) {
  EXPECT_EQ(Refusal("Conv2D", {{"dilations", Ints{1, 2, 2, 1}}}), std::nullopt);
  EXPECT_EQ(Refusal("Conv2D", {{"T", DType::kHalf}}),
            "its element type is float16; only float32 layers are quantized");
  EXPECT_EQ(Refusal("Conv2DBackpropInput", {{"dilations", Ints{1, 2, 2, 1}}}),
            "its dilation is 2; only 1 is supported");
  EXPECT_EQ(Refusal("MatMul", {{"transpose_a", false}}), std::nullopt);
  EXPECT_EQ(Refusal("MatMul", {{"transpose_b", true}}),
            "transpose_b is true; only false is supported");
}

// TensorFlow 1.15's kernel does so; see WindowOver.
TEST(Convolution, DepthwiseIgnoresDilations) {
  const std::vector<Shape> shapes = {{1, 8, 8, 4}, {3, 3, 4, 2}};
  EXPECT_EQ(Infer("DepthwiseConv2dNative", shapes,
                  Attrs("VALID", {1, 1, 1, 1}, {{"dilations", Ints{1, 2, 2, 1}}})),
            (Shape{1, 6, 6, 8}));
  EXPECT_EQ(Refusal("DepthwiseConv2dNative", {{"dilations", Ints{1, 2, 2, 1}}}),
            "its dilation is 2; only 1 is supported");
}

TEST(Convolution, OfNchwEqualsThatOfNhwc) {
  std::vector<float> values(2 * 3 * 5 * 4);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 101);
  std::vector<float> weights(3 * 2 * 4 * 6);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i * 53 % 97) - 40;
  const Tensor filter = Tensor::From<float>({3, 2, 4, 6}, weights);
  const Tensor nhwc = Tensor::From<float>({2, 3, 5, 4}, values);
  Tensor nchw(DType::kFloat, {2, 4, 3, 5});
  for (int64_t n = 0; n < 2; ++n) {
    for (int64_t i = 0; i < 15; ++i) {
      for (int64_t c = 0; c < 4; ++c) {
        nchw.mutable_data<float>()[(n * 4 + c) * 15 + i] = values[(n * 15 + i) * 4 + c];
      }
    }
  }
  const Tensor want = RunOp("Conv2D", {nhwc, filter}, Attrs("SAME", {1, 2, 1, 1}))[0];
  const Tensor got =
      RunOp("Conv2D", {nchw, filter}, Attrs("SAME", {1, 1, 2, 1}, {{"data_format", "NCHW"}}))[0];
  ASSERT_EQ(want.shape(), (Shape{2, 2, 5, 6}));
  ASSERT_EQ(got.shape(), (Shape{2, 6, 2, 5}));
  for (int64_t n = 0; n < 2; ++n) {
    for (int64_t i = 0; i < 10; ++i) {
      for (int64_t c = 0; c < 6; ++c) {
        EXPECT_EQ(got.data<float>()[(n * 6 + c) * 10 + i],
                  want.data<float>()[(n * 10 + i) * 6 + c]);
      }
    }
  }
}

}  // namespace
}  // namespace adze
