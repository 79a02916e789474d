#include "engine/integer/ops.h"

namespace adze::integer {
namespace {

constexpr std::string_view kPrefix = "Integer";
constexpr const char* kLayers[] = {"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput",
                                   "MatMul", "AvgPool"};

using Infer = std::function<std::vector<TensorSpec>(const ShapeContext&)>;

// The shape that the float op gives for the padded data.
Shape FloatShape(const Infer& infer, const ShapeContext& context, int data, size_t num_inputs) {
  std::vector<TensorSpec> inputs(context.inputs.begin(), context.inputs.begin() + num_inputs);
  inputs[data] = {DType::kFloat, Padded(context.node, inputs[data].shape)};
  for (TensorSpec& input : inputs) {
    if (input.dtype == DType::kInt8) input.dtype = DType::kFloat;
  }
  return infer({context.node, inputs, context.constants.first(num_inputs)}).at(0).shape;
}

// What is not constant has a row for each row of the result, a residual too.
bool KeepsRows(const RowContext& context) {
  for (size_t i = 0; i < context.rows.size(); ++i) {
    if (!context.rows[i] && !context.constants[i]) return false;
  }
  return true;
}

OpDef LayerOp(const OpDef& base) {
  OpDef def{
      .name = std::string(kPrefix) + base.name, .summary = base.summary, .keeps_rows = KeepsRows};
  def.infer = [infer = base.infer](const ShapeContext& context) {
    const Node& node = context.node;
    const LayerInputs inputs = InputsOf(node);
    const Shape shape = FloatShape(infer, context, inputs.data, inputs.scale);
    if (inputs.residual >= 0) {
      const Shape& residual = context.shape(inputs.residual);
      Require(!shape.IsFullyKnown() || !residual.IsFullyKnown() || shape == residual,
              ErrorCode::kUnsupported, "the addition behind it broadcasts ", residual.ToString(),
              " to ", shape.ToString(), "; run it without the integer engine");
    }
    std::vector<TensorSpec> outputs;
    if (node.attr<bool>("gives_real")) outputs.push_back({DType::kFloat, shape});
    if (node.attr<bool>("gives_codes")) outputs.push_back({DType::kUint8, shape});
    return outputs;
  };
  return def;
}

OpDef MaxPoolOp(const OpDef& base) {
  OpDef def{.name = "IntegerMaxPool", .summary = base.summary, .keeps_rows = KeepsRows};
  def.infer = [infer = base.infer](const ShapeContext& context) {
    return std::vector<TensorSpec>{{DType::kUint8, FloatShape(infer, context, 0, 1)}};
  };
  return def;
}

}  // namespace

std::string FloatOpOf(const std::string& op) {
  return op.starts_with(kPrefix) ? op.substr(kPrefix.size()) : "";
}

LayerInputs InputsOf(const Node& layer) {
  const std::string op = FloatOpOf(layer.op());
  LayerInputs inputs;
  inputs.data = op == "Conv2DBackpropInput" ? 2 : 0;
  inputs.weight = op == "AvgPool" ? -1 : 1;
  inputs.scale = op == "AvgPool" ? 1 : op == "Conv2DBackpropInput" ? 3 : 2;
  int next = inputs.scale + 1;
  if (layer.attr<bool>("has_bias")) inputs.bias = next++;
  if (layer.attr<bool>("has_residual")) inputs.residual = next++;
  return inputs;
}

Shape Padded(const Node& node, Shape image) {
  const auto pad = node.attr<std::vector<int64_t>>("pad", {});
  if (pad.empty() || image.rank() != 4) return image;
  for (int axis : {1, 2}) {
    if (image[axis] != Shape::kUnknown) image[axis] += pad[2 * axis - 2] + pad[2 * axis - 1];
  }
  return image;
}

std::unique_ptr<OpRegistry> WithIntegerOps(const OpRegistry& base) {
  auto ops = std::make_unique<OpRegistry>(base);
  for (const char* name : kLayers) ops->Add(LayerOp(*base.Find(name)));
  ops->Add(MaxPoolOp(*base.Find("MaxPool")));
  ops->Add({.name = "IntegerQuantize",
            .summary = "float32 to codes",
            .infer =
                [](const ShapeContext& context) {
                  return std::vector<TensorSpec>{{DType::kUint8, context.shape(0)}};
                },
            .keeps_rows = KeepsRows});
  return ops;
}

}  // namespace adze::integer
