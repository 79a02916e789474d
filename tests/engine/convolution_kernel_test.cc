#include "support.h"

namespace adze {
namespace {

using Ints = std::vector<int64_t>;

struct Case {
  std::string op;
  Shape image, filter;
  AttrMap attrs;
};

// The op through a session, against its reference.
void ExpectEqual(const Case& of, uint32_t seed) {
  GraphBuilder builder;
  const Value x = builder.Input("x", of.image);
  const Value y = builder.Op(of.op, {x, builder.Weights(of.filter)}, of.attrs);
  const Feeds feeds = {{"x", RandomTensor(of.image, seed)}};
  Session session(builder.graph, {y});
  EXPECT_LT(RelativeError(session.Run(feeds)[0], EvaluateAll(builder.graph, feeds).at(of.op)), 1e-5)
      << of.op << " image " << of.image.ToString() << " filter " << of.filter.ToString();
}

TEST(ConvolutionKernel, EqualsTheReferenceForRandomWindows) {
  std::mt19937 random(7);
  auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (uint32_t i = 0; i < 150; ++i) {
    const bool depthwise = i % 3 == 1;
    const int64_t groups = i % 3 == 2 ? 2 : 1;
    const int64_t channels = groups * pick(1, 20);
    const Shape image = {pick(1, 3), pick(5, 17), pick(5, 17), channels};
    const int64_t kh = pick(1, 4), kw = pick(1, 4);
    const bool dilated = !depthwise && pick(0, 3) == 0;
    const int64_t stride = dilated ? 1 : pick(1, 3), dilation = dilated ? 2 : 1;
    const bool valid =
        pick(0, 1) && image[1] > (kh - 1) * dilation && image[2] > (kw - 1) * dilation;
    const Shape filter = depthwise ? Shape{kh, kw, channels, pick(1, 2)}
                                   : Shape{kh, kw, channels / groups, groups * pick(1, 20)};
    AttrMap attrs = {{"strides", Ints{1, stride, stride, 1}},
                     {"dilations", Ints{1, dilation, dilation, 1}},
                     {"padding", valid ? "VALID" : "SAME"}};
    if (!depthwise && pick(0, 2) == 0) {
      attrs["padding"] = "EXPLICIT";
      attrs["explicit_paddings"] = Ints{0, 0, pick(2, 4), pick(2, 4), pick(2, 4), pick(2, 4), 0, 0};
    }
    ExpectEqual({depthwise ? "DepthwiseConv2dNative" : "Conv2D", image, filter, attrs}, i);
  }
}

TEST(ConvolutionKernel, EqualsTheReferenceWithWideChannels) {
  for (int64_t stride : {1, 2}) {
    const AttrMap attrs = {{"strides", Ints{1, stride, stride, 1}}, {"padding", "SAME"}};
    ExpectEqual({"Conv2D", {2, 14, 14, 64}, {1, 1, 64, 96}, attrs}, 1);
    ExpectEqual({"Conv2D", {1, 14, 14, 32}, {3, 3, 32, 64}, attrs}, 2);
    ExpectEqual({"DepthwiseConv2dNative", {2, 15, 15, 48}, {3, 3, 48, 1}, attrs}, 3);
  }
}

struct Sizes {
  Shape filter;
  int64_t height, width;
};

// Partial tiles and panels, several passes over the terms, and every part of an epilogue.
TEST(ConvolutionKernel, EqualsTheReferenceWithEveryEpilogue) {
  uint32_t seed = 0;
  for (const auto& [filter, height, width] :
       {Sizes{{1, 1, 70, 49}, 7, 9}, Sizes{{1, 1, 1100, 33}, 7, 9}, Sizes{{3, 3, 530, 72}, 7, 9},
        Sizes{{3, 3, 40, 20}, 7, 9}, Sizes{{3, 3, 3, 40}, 7, 9}, Sizes{{3, 3, 48, 1}, 7, 9},
        Sizes{{3, 3, 32, 48}, 11, 12}, Sizes{{3, 3, 48, 32}, 8, 13}}) {
    for (const std::string activation : {"", "Relu", "Relu6", "Elu"}) {
      for (const bool residual : {false, true}) {
        const bool depthwise = filter[3] == 1;
        const Shape image = {2, height, width, filter[2]};
        GraphBuilder builder;
        const Value x = builder.Input("x", image);
        Value y =
            builder.Op(depthwise ? "DepthwiseConv2dNative" : "Conv2D", {x, builder.Weights(filter)},
                       {{"strides", Ints{1, 1, 1, 1}}, {"padding", "SAME"}});
        const int64_t channels = filter[depthwise ? 2 : 3];
        y = builder.Op("BiasAdd", {y, builder.Weights({channels})});
        // Sums within the bounds of Relu6, whose errors its result shows at their size.
        Feeds feeds = {{"x", RandomTensor(image, ++seed, -0.1f, 0.1f)}};
        if (residual) {
          const Shape shape = {2, height, width, channels};
          y = builder.Op("AddV2", {y, builder.Input("r", shape)});
          feeds["r"] = RandomTensor(shape, ++seed);
        }
        if (!activation.empty()) y = builder.Op(activation, {y});
        Session session(builder.graph, {y});
        EXPECT_LT(
            RelativeError(session.Run(feeds)[0], EvaluateAll(builder.graph, feeds).at(ToString(y))),
            1e-5)
            << filter.ToString() << " residual " << residual << " " << activation;
      }
    }
  }
}

// The same bytes for each row, however many there are and whoever works on them.
TEST(ConvolutionKernel, DependsNeitherOnBatchNorThreads) {
  for (const auto& [filter, height, width] :
       {Sizes{{1, 1, 300, 49}, 9, 9}, Sizes{{3, 3, 96, 33}, 9, 9}, Sizes{{3, 3, 3, 33}, 9, 9},
        Sizes{{3, 3, 40, 1}, 9, 9}, Sizes{{3, 3, 64, 48}, 11, 13}}) {
    const bool depthwise = filter[3] == 1;
    GraphBuilder builder;
    const Value x = builder.Input("x", {1, height, width, filter[2]});
    const Value y =
        builder.Op(depthwise ? "DepthwiseConv2dNative" : "Conv2D", {x, builder.Weights(filter)},
                   {{"strides", Ints{1, 1, 1, 1}}, {"padding", "SAME"}});
    const Tensor rows = RandomTensor({5, height, width, filter[2]}, 3);
    std::vector<float> expected;
    Session single(builder.graph, {y}, nullptr, {.num_threads = 1});
    for (int64_t i = 0; i < 5; ++i) {
      const std::vector<float> row = ToFloats(single.Run({{"x", rows.Rows(i, i + 1)}})[0]);
      expected.insert(expected.end(), row.begin(), row.end());
    }
    for (int threads : {1, 2, 3}) {
      Session session(builder.graph, {y}, nullptr, {.num_threads = threads});
      EXPECT_EQ(ToFloats(session.Run({{"x", rows}})[0]), expected) << filter.ToString();
    }
  }
}

// A simulation of integers is exact as long as they have place in a float.
TEST(ConvolutionKernel, SumsOfIntegersAreExact) {
  const auto integers = [](Tensor tensor) {
    for (float& x : tensor.mutable_data<float>()) x = std::round(x);
    return tensor;
  };
  GraphBuilder builder;
  const Value x = builder.Input("x", {1, 12, 12, 512});
  const Value w = builder.Const(integers(RandomTensor({3, 3, 512, 32}, 1, 0, 15)));
  const Value y =
      builder.Op("Conv2D", {x, w}, {{"strides", Ints{1, 1, 1, 1}}, {"padding", "SAME"}});
  const Feeds feeds = {{"x", integers(RandomTensor({1, 12, 12, 512}, 2, 128, 255))}};
  EXPECT_EQ(ToFloats(Session(builder.graph, {y}).Run(feeds)[0]),
            ToFloats(EvaluateAll(builder.graph, feeds).at("Conv2D")));
}

// What is not a number stays so, behind an activation too. oneDNN's primitives make 0 of it there.
TEST(Avx512Convolution, PassesOnWhatIsNotANumber) {
  if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP() << "needs AVX-512";
  GraphBuilder builder;
  const Value x = builder.Input("x", {1, 4, 4, 32});
  const Value y = builder.Op("Relu6", {builder.Conv(x, {1, 1, 32, 32})});
  Tensor image = RandomTensor({1, 4, 4, 32}, 1);
  image.mutable_data<float>()[0] = std::nanf("");
  EXPECT_TRUE(std::isnan(ToFloats(Session(builder.graph, {y}).Run({{"x", image}})[0])[0]));
}

TEST(ConvolutionKernel, TransposedConvolutionEqualsTheReference) {
  std::mt19937 random(5);
  auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (uint32_t i = 0; i < 60; ++i) {
    const int64_t kernel = pick(1, 4), stride = pick(1, 3), side = pick(3, 9), batch = pick(1, 2);
    const int64_t in = pick(1, 20), out = pick(1, 20);
    const bool valid = i % 2;
    // All image sizes whose forward convolution gives `side`.
    const int64_t most = valid ? (side - 1) * stride + kernel + stride - 1 : side * stride;
    const int64_t size = most - pick(0, stride - 1);
    GraphBuilder builder;
    const Value x = builder.Input("x", {batch, side, side, in});
    const Value y = builder.Op(
        "Conv2DBackpropInput",
        {builder.Const(Tensor::Vector<int32_t>({static_cast<int>(batch), static_cast<int>(size),
                                                static_cast<int>(size), static_cast<int>(out)})),
         builder.Weights({kernel, kernel, out, in}), x},
        {{"strides", Ints{1, stride, stride, 1}}, {"padding", valid ? "VALID" : "SAME"}});
    const Feeds feeds = {{"x", RandomTensor({batch, side, side, in}, i)}};
    Session session(builder.graph, {y});
    EXPECT_LT(RelativeError(session.Run(feeds)[0],
                            EvaluateAll(builder.graph, feeds).at("Conv2DBackpropInput")),
              1e-5)
        << "kernel " << kernel << " stride " << stride << " side " << side << " to " << size;
  }
}

TEST(ConvolutionKernel, TransposedConvolutionFollowsTheBatch) {
  GraphBuilder builder;
  const Value x = builder.Input("x", {1, 4, 4, 3});
  const Value y = builder.Op(
      "Conv2DBackpropInput",
      {builder.Const(Tensor::Vector<int32_t>({1, 8, 8, 2})), builder.Weights({2, 2, 2, 3}), x},
      {{"strides", Ints{1, 2, 2, 1}}, {"padding", "SAME"}});
  Session session(builder.graph, {y});
  EXPECT_EQ(session.Run({{"x", RandomTensor({5, 4, 4, 3}, 1)}})[0].shape(), (Shape{5, 8, 8, 2}));
}

}  // namespace
}  // namespace adze
