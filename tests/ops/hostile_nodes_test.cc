// Layers and image ops with random shapes, operands and attributes, most of them nonsense: it
// either computes or throws Error. Run under the sanitizers, this is where undefined behaviour
// shows.
#include <gtest/gtest.h>

#include <random>

#include "ops/one_node.h"

namespace adze {
namespace {

constexpr const char* kOps[] = {"AscendAntiQuant",
                                "AscendDequant",
                                "AscendQuant",
                                "AscendWeightQuant",
                                "AvgPool",
                                "BatchMatMulV2",
                                "BatchToSpaceND",
                                "BiasAdd",
                                "ClipByValue",
                                "CombinedNonMaxSuppression",
                                "Conv2D",
                                "Conv2DBackpropInput",
                                "CropAndResize",
                                "Cumsum",
                                "DepthToSpace",
                                "DepthwiseConv2dNative",
                                "Einsum",
                                "ExtractImagePatches",
                                "FakeQuantWithMinMaxArgs",
                                "FakeQuantWithMinMaxVars",
                                "FakeQuantWithMinMaxVarsPerChannel",
                                "FusedBatchNormV3",
                                "GatherNd",
                                "LRN",
                                "LogSoftmax",
                                "MatMul",
                                "MaxPool",
                                "MirrorPad",
                                "NonMaxSuppressionV3",
                                "NonMaxSuppressionV5",
                                "OneHot",
                                "ResizeArea",
                                "ResizeBicubic",
                                "ResizeBilinear",
                                "ResizeNearestNeighbor",
                                "ReverseSequence",
                                "ReverseV2",
                                "Softmax",
                                "SpaceToBatchND",
                                "SpaceToDepth",
                                "TopKV2"};

class Generator {
 public:
  explicit Generator(int seed) : random_(seed) {}

  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % n); }
  bool Chance(int percent) { return Below(100) < percent; }

  // Mostly small and sane.
  int64_t Size() {
    static const int64_t kOdd[] = {0,          -1,        -2,        int64_t{1} << 31,
                                   1000000007, INT64_MAX, INT64_MIN, int64_t{1} << 62};
    return Chance(4) ? kOdd[Below(8)] : 1 + Below(6);
  }
  std::vector<int64_t> Sizes(size_t count) {
    std::vector<int64_t> sizes(count);
    for (int64_t& size : sizes) size = Size();
    return sizes;
  }
  Tensor Operand() {
    Shape shape(std::vector<int64_t>(Chance(80) ? 4 : Below(5)));
    for (int i = 0; i < shape.rank(); ++i) shape[i] = Chance(3) ? 0 : Chance(60) ? 4 : 1 + Below(5);
    if (Chance(20)) shape = {Chance(80) ? 4 : 1 + Below(5)};
    static const DType kTypes[] = {DType::kFloat, DType::kHalf, DType::kInt8, DType::kUint64};
    Tensor tensor = Tensor::Zeros(DType::kFloat, shape);
    for (float& x : tensor.mutable_data<float>()) x = static_cast<float>(Below(100)) - 30;
    if (Chance(85)) return tensor;
    return Cast(tensor, kTypes[Below(4)]);
  }

  // Operands of any kind, or of the kinds that ops with integer operands take.
  std::vector<Tensor> Operands(const std::string& op) {
    if (Chance(3)) return {};
    std::vector<Tensor> operands(1 + Below(5));
    for (Tensor& operand : operands) operand = Operand();
    if (Chance(10)) return operands;
    operands.resize(std::max<size_t>(operands.size(), 2), Operand());
    if (op.starts_with("Resize")) operands[1] = Integers({2});
    if (op == "MirrorPad") operands[1] = Integers({4, 2});
    if (op == "Conv2DBackpropInput") operands[0] = Integers({4});
    if (op == "CropAndResize") {
      operands = {Operand(), Operand(), Integers({4}), Integers({2})};
      operands[1] = Tensor::Zeros(DType::kFloat, {4, 4});
    }
    if (op == "Cumsum" || op == "TopKV2") operands = {Operand(), Integers({})};
    if (op == "GatherNd") operands = {Operand(), Integers({3, 2})};
    if (op == "ReverseV2") operands = {Operand(), Integers({1 + Below(2)})};
    if (op == "OneHot") operands = {Integers({4}), Integers({}), Operand(), Operand()};
    if (op == "OneHot" && Chance(80)) operands[2] = operands[3] = Tensor::Scalar(1.0f);
    if (op.starts_with("NonMax")) {
      operands = {Operand(), Operand(), Integers({}), Operand(), Operand(), Operand()};
      if (Chance(70)) operands[0] = Tensor::Zeros(DType::kFloat, {4, 4});
      if (Chance(70)) operands[1] = Tensor::Zeros(DType::kFloat, {4});
      if (Chance(70)) operands[3] = operands[4] = operands[5] = Tensor::Scalar(0.5f);
      if (op == "NonMaxSuppressionV3") operands.pop_back();
    }
    if (op.starts_with("Combined")) {
      operands = {Operand(), Operand(), Integers({}), Integers({}), Operand(), Operand()};
      if (Chance(70)) operands[1] = Tensor::Zeros(DType::kFloat, {4, 4, 4});
      if (Chance(70)) operands[4] = operands[5] = Tensor::Scalar(0.5f);
    }
    if (op == "ReverseSequence") operands = {Operand(), Integers({4})};
    if (op.ends_with("ND")) operands = {Operand(), Integers({2}), Integers({2, 2})};
    return operands;
  }

  AttrMap Attrs() {
    AttrMap attrs;
    const auto per_axis = [&](size_t count) {
      Ints values = Chance(3) ? Sizes(Below(6)) : Sizes(count);
      if (values.size() == 4 && Chance(90)) values[0] = values.back() = 1;
      return values;
    };
    attrs["strides"] = per_axis(4);
    attrs["ksize"] = per_axis(4);
    attrs["ksizes"] = per_axis(4);
    attrs["rates"] = per_axis(4);
    if (Chance(50)) attrs["dilations"] = per_axis(4);
    Ints pads = per_axis(8);
    for (size_t i = 0; i < pads.size(); ++i) {
      if (i < 2 || i > 5) pads[i] = 0;
    }
    attrs["explicit_paddings"] = pads;
    static const char* kPaddings[] = {"SAME", "VALID", "EXPLICIT", ""};
    attrs["padding"] = kPaddings[Below(Chance(95) ? 3 : 4)];
    if (Chance(30)) attrs["data_format"] = Chance(95) ? "NCHW" : "CHWN";
    for (const char* name : {"transpose_a", "transpose_b", "adj_x", "adj_y", "align_corners",
                             "half_pixel_centers", "is_training", "narrow_range", "sqrt_mode"}) {
      if (Chance(30)) attrs[name] = Chance(97) ? Attr(Chance(50)) : Attr("yes");
    }
    for (const char* name : {"block_size", "depth_radius", "num_bits", "quant_bits"}) {
      if (Chance(70)) attrs[name] = Size();
    }
    for (const char* name : {"scale", "offset", "epsilon", "bias"}) attrs[name] = 0.5f;
    static const char* kEquations[] = {"abcd,abde->abce", "abcd->d", "...ab,...bc->...ac",
                                       "aa,ab->b",        "ab,bc",   "abcd,cd->ab",
                                       "...a,...a->...",  "a,b->aa", "abcd,a.b->c"};
    attrs["equation"] = kEquations[Below(Chance(50) ? 4 : 9)];
    if (Chance(90)) attrs["seq_dim"] = 1 + Below(3);
    if (Chance(50)) attrs["pad_to_max_output_size"] = Chance(50);
    attrs["mode"] = Chance(50) ? "REFLECT" : "SYMMETRIC";
    return attrs;
  }

 private:
  Tensor Integers(Shape shape) {
    Tensor tensor(DType::kInt64, std::move(shape));
    for (int64_t& x : tensor.mutable_data<int64_t>()) x = Chance(30) ? 0 : Size();
    return Chance(50) ? tensor : Cast(tensor, DType::kInt32);
  }

  std::mt19937_64 random_;
};

TEST(HostileNodes, ComputeOrThrowError) {
  std::map<std::string, int> computed;
  for (int seed = 0; seed < 12000; ++seed) {
    Generator generator(seed);
    const std::string name = kOps[generator.Below(std::size(kOps))];
    const OpDef& op = *Builtin<OpRegistry>().Find(name);
    const std::vector<Tensor> inputs = generator.Operands(name);
    const OneNode holder(name, std::vector<Shape>(inputs.size(), Shape::UnknownRank()),
                         generator.Attrs());
    try {
      std::vector<TensorSpec> specs;
      std::vector<const Tensor*> constants;
      for (const Tensor& input : inputs) {
        specs.push_back({input.dtype(), input.shape()});
        constants.push_back(&input);
      }
      bool is_small = true;
      for (const TensorSpec& spec : op.infer({holder.node(), specs, constants})) {
        is_small &=
            spec.shape.IsFullyKnown() ? spec.shape.num_elements() < 100000 : op.sizes_outputs;
      }
      if (!is_small || !op.evaluate) continue;
      EvaluateNode(holder.node(), inputs);
      ++computed[name];
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << "seed " << seed << ": " << error.what();
    }
  }
  for (const char* op :
       {"Conv2D", "DepthwiseConv2dNative", "MaxPool", "ResizeBilinear", "LRN", "SpaceToBatchND",
        "Einsum", "NonMaxSuppressionV3", "CombinedNonMaxSuppression", "ReverseSequence"}) {
    EXPECT_GE(computed[op], 5) << op;
  }
}

}  // namespace
}  // namespace adze
