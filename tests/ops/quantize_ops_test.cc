#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "ops/one_node.h"

namespace adze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(FakeQuant, NudgesTheRangeSoThatZeroIsALevel) {
  // scale = 4 / 255, zero point round(1.7 / scale) = round(108.375) = 108.
  const float scale = 4.0f / 255;
  const Tensor x = Tensor::Vector<float>({0, -10, 10, scale * 0.6f});
  const Tensor y =
      RunOp("FakeQuantWithMinMaxVars", {x, Tensor::Scalar(-1.7f), Tensor::Scalar(2.3f)}, {})[0];
  EXPECT_THAT(Floats(y),
              ElementsAre(0, testing::FloatEq(-108 * scale), testing::FloatEq(147 * scale),
                          testing::FloatNear(scale, 1e-6)));
}

TEST(FakeQuant, OfAnEmptyRangeIsZero) {
  const Tensor x = Tensor::From<float>({1, 2}, std::vector<float>{3, -3});
  EXPECT_THAT(Floats(RunOp("FakeQuantWithMinMaxVars",
                           {x, Tensor::Scalar(0.0f), Tensor::Scalar(0.0f)}, {})[0]),
              ElementsAre(0, 0));
  EXPECT_THAT(
      Floats(RunOp("FakeQuantWithMinMaxVarsPerChannel",
                   {x, Tensor::Vector<float>({0, -3}), Tensor::Vector<float>({0, 0})}, {})[0]),
      ElementsAre(0, -3));
}

TEST(FakeQuant, SaysWhatIsWrong) {
  const std::string args = "FakeQuantWithMinMaxArgs";
  EXPECT_THAT(OneNode(args, {{3}}, {{"num_bits", 1}}).Failure(), HasSubstr("num_bits 1"));
  EXPECT_THAT(OneNode(args, {{3}}, {{"num_bits", 64}}).Failure(), HasSubstr("num_bits 64"));
  EXPECT_THAT(OneNode(args, {{3}}, {{"min", 2.0f}, {"max", 2.0f}}).Failure(),
              HasSubstr("min below max"));
  EXPECT_THAT(OneNode("FakeQuantWithMinMaxVars", {{3}, {1}, {}}, {}).Failure(),
              HasSubstr("input 1 has shape [1]; its rank must be 0"));
}

TEST(Ascend, QuantRoundsTiesToEvenBeforeTheOffset) {
  const AttrMap attrs{{"scale", 2.0f}, {"offset", -127.0f}, {"quant_bits", 8}};
  const Tensor x = Tensor::Vector<float>({0.25f, 0.75f, -0.25f, 1000, -1000, 0});
  EXPECT_THAT(Floats(RunOp("AscendQuant", {x}, attrs)[0]), ElementsAre(0, 2, 0, 254, -1, 0));
}

TEST(Ascend, WeightQuantSubtractsTheOffset) {
  const Tensor weight = Tensor::From<int8_t>({2, 2}, std::vector<int8_t>{-128, 127, 3, 4});
  EXPECT_THAT(
      Floats(RunOp("AscendWeightQuant", {weight, Tensor::Vector<int8_t>({0, 0, 0})}, {})[0]),
      ElementsAre(-128, 127, 3, 4));
  EXPECT_THAT(Floats(RunOp("AscendWeightQuant", {weight, Tensor::Vector<int8_t>({1, -1})}, {})[0]),
              ElementsAre(-129, 128, 2, 5));
  EXPECT_THROW(RunOp("AscendWeightQuant", {weight, Tensor::Vector<int8_t>({0, 0, 1})}, {}), Error);
}

TEST(Ascend, DequantScalesEveryChannel) {
  const auto packed = [](float scale) -> uint64_t { return std::bit_cast<uint32_t>(scale); };
  const Tensor x = Tensor::From<float>({1, 2, 1, 2}, std::vector<float>{1, -2, 3, 4});
  const Tensor scales = Tensor::Vector<uint64_t>({packed(0.5f), packed(2)});
  EXPECT_THAT(Floats(RunOp("AscendDequant", {x, scales}, {})[0]), ElementsAre(0.5f, -4, 1.5f, 8));
  EXPECT_THAT(Floats(RunOp("AscendDequant", {x, scales}, {{"data_format", "NCHW"}})[0]),
              ElementsAre(0.5f, -1, 6, 8));
  EXPECT_THAT(Floats(RunOp("AscendDequant", {x, Tensor::Vector<uint64_t>({packed(3)})},
                           {{"sqrt_mode", true}, {"relu_flag", true}})[0]),
              ElementsAre(9, 0, 27, 36));
  EXPECT_THROW(RunOp("AscendDequant", {x, Tensor::Vector<uint64_t>({1, 2, 3})}, {}), Error);
}

TEST(Ascend, AntiQuantScales) {
  EXPECT_THAT(
      Floats(RunOp("AscendAntiQuant", {Tensor::Vector<float>({1, -2})}, {{"scale", 0.5f}})[0]),
      ElementsAre(0.5f, -1));
}

}  // namespace
}  // namespace adze
